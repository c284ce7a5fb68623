package io.larder;

/** A listener that is told events until this is closed. */
public interface Registration extends AutoCloseable {
  /**
   * Ends the telling: the listener is not called again after the call that may be under way. Idempotent. Any thread may
   * call it, the listener too. Does not block.
   */
  @Override
  void close();
}
