package io.larder;

/** The store cannot be reached. */
public final class UnavailableException extends LarderException {
  private static final long serialVersionUID = 1L;

  UnavailableException(String source, String message) {
    super(Status.UNAVAILABLE, source, message, null);
  }
}
