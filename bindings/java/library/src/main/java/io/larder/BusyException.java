package io.larder;

/**
 * Too many requests are in flight: wait for some to complete, or allow more with
 * {@link LarderBuilder#maximumInFlight(int)}.
 */
public final class BusyException extends LarderException {
  private static final long serialVersionUID = 1L;

  BusyException(String source, String message) {
    super(Status.BUSY, source, message, null);
  }
}
