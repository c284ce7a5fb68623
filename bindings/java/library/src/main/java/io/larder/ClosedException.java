package io.larder;

/**
 * The larder, the store's handle, the cursor or the watch was closed. A write that was under way was not sent to a server;
 * one that may have been fails with an {@link AmbiguousException}.
 */
public final class ClosedException extends LarderException {
  private static final long serialVersionUID = 1L;

  ClosedException(String source, String message) {
    super(Status.CLOSED, source, message, null);
  }
}
