package io.larder;

/**
 * Whether the write happened cannot be known: it was sent, and no answer came, or fewer replicas than its
 * {@link Durability} asked for are known to have it.
 *
 * <p>Read the record to find out, or write the same value again where that is harmless. A write on a condition may find
 * its own first try: after a {@link Status#CONFLICT} read and compare.
 */
public final class AmbiguousException extends LarderException {
  private static final long serialVersionUID = 1L;

  AmbiguousException(String source, String message) {
    super(Status.AMBIGUOUS, source, message, null);
  }
}
