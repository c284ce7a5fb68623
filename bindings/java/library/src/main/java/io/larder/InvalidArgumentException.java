package io.larder;

/** An argument is out of range or not what it must be; {@link #source()} names it. */
public final class InvalidArgumentException extends LarderException {
  private static final long serialVersionUID = 1L;

  InvalidArgumentException(String source, String message) {
    super(Status.INVALID_ARGUMENT, source, message, null);
  }
}
