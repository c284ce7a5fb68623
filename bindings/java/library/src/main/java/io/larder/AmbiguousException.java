package io.larder;

/** Whether the write happened cannot be known. */
public final class AmbiguousException extends LarderException {
  private static final long serialVersionUID = 1L;

  AmbiguousException(String source, String message) {
    super(Status.AMBIGUOUS, source, message, null);
  }
}
