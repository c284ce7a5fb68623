package io.larder;

import java.util.List;

/**
 * Some records of a batch could not be written; the others were. It has the status, source and message of the first that
 * failed.
 */
public final class BatchException extends LarderException {
  private static final long serialVersionUID = 1L;

  /** What each record came to; not part of the serial form. */
  private final transient List<Outcome> outcomes;

  BatchException(LarderException first, List<Outcome> outcomes) {
    super(first.status(), first.source(), first.detail(), first);
    this.outcomes = outcomes;
  }

  /**
   * What each record came to, in the order of the batch.
   *
   * @return the outcomes; empty after this exception was deserialised
   */
  public List<Outcome> outcomes() {
    return outcomes == null ? List.of() : outcomes;
  }
}
