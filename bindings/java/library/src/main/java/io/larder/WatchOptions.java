package io.larder;

/** What a watch tells, and from when on. Immutable: each {@code with} method answers another object. */
public final class WatchOptions {
  private static final byte[] NOTHING = {};
  private static final WatchOptions NOW = new WatchOptions(NOTHING, 0, 0);

  private final byte[] prefix;
  private final int start;
  private final int capacity;

  private WatchOptions(byte[] prefix, int start, int capacity) {
    this.prefix = prefix;
    this.start = start;
    this.capacity = capacity;
  }

  /**
   * Every key, beginning with the next change.
   *
   * @return the options
   */
  public static WatchOptions now() {
    return NOW;
  }

  /**
   * Every key, beginning with a {@link Event.Kind#CREATED} event for each record that is there, then one
   * {@link Event.Kind#CURRENT} event, then changes.
   *
   * @return the options
   */
  public static WatchOptions existing() {
    return new WatchOptions(NOTHING, 1, 0);
  }

  /**
   * These options with a prefix.
   *
   * @param newPrefix only keys that begin with this; any bytes; copied
   * @return the options
   */
  public WatchOptions withPrefix(byte[] newPrefix) {
    return new WatchOptions(newPrefix.clone(), start, capacity);
  }

  /**
   * These options with a capacity. Beyond it events are dropped, and one {@link Event.Kind#LOST} event says how many.
   *
   * @param newCapacity how many events may wait for the reader; 0 for 65,536
   * @return the options
   * @throws InvalidArgumentException if it is negative
   */
  public WatchOptions withCapacity(int newCapacity) {
    if (newCapacity < 0) {
      throw new InvalidArgumentException("capacity", "it is " + newCapacity + ", which is negative");
    }
    return new WatchOptions(prefix, start, newCapacity);
  }

  Request request(long timeoutMs) {
    return Request.of(Request.WATCH, timeoutMs).option(start).key(prefix).most(capacity);
  }
}
