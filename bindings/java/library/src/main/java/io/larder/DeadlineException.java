package io.larder;

/** The deadline passed before the answer came. A write may still happen. */
public final class DeadlineException extends LarderException {
  private static final long serialVersionUID = 1L;

  DeadlineException(String source, String message) {
    super(Status.TIMEOUT, source, message, null);
  }
}
