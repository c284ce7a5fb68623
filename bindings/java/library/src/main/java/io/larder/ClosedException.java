package io.larder;

/**
 * The larder, the store's handle, the cursor or the watch was closed. A write that was under way at the close may have
 * happened, or may still happen; one that began afterwards did not.
 */
public final class ClosedException extends LarderException {
  private static final long serialVersionUID = 1L;

  ClosedException(String source, String message) {
    super(Status.CLOSED, source, message, null);
  }
}
