package io.larder;

/** The configuration has no store of that name; the message suggests the closest one. */
public final class NoSuchStoreException extends LarderException {
  private static final long serialVersionUID = 1L;

  NoSuchStoreException(String source, String message) {
    super(Status.NO_SUCH_STORE, source, message, null);
  }
}
