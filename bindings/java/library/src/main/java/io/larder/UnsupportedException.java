package io.larder;

/** The store cannot do this. */
public final class UnsupportedException extends LarderException {
  private static final long serialVersionUID = 1L;

  UnsupportedException(String source, String message) {
    super(Status.UNSUPPORTED, source, message, null);
  }
}
