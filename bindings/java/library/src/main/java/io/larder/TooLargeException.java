package io.larder;

/** A key, value or batch is larger than the store takes. */
public final class TooLargeException extends LarderException {
  private static final long serialVersionUID = 1L;

  TooLargeException(String source, String message) {
    super(Status.TOO_LARGE, source, message, null);
  }
}
