package io.larder;

/** The request was cancelled. A write may still happen. */
public final class RequestCancelledException extends LarderException {
  private static final long serialVersionUID = 1L;

  RequestCancelledException(String source, String message) {
    super(Status.CANCELLED, source, message, null);
  }
}
