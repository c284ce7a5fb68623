package io.larder;

import java.util.Objects;

/**
 * Which records a list or a cursor gives: sorted by key, bytewise; offset and limit count what prefix and suffix left.
 * Immutable: each {@code with} method answers another object.
 */
public final class ListOptions {
  private static final byte[] NOTHING = {};
  private static final ListOptions ALL = new ListOptions(NOTHING, NOTHING, 0, 0);

  private final byte[] prefix;
  private final byte[] suffix;
  private final long offset;
  private final long limit;

  private ListOptions(byte[] prefix, byte[] suffix, long offset, long limit) {
    this.prefix = prefix;
    this.suffix = suffix;
    this.offset = offset;
    this.limit = limit;
  }

  /**
   * Every key.
   *
   * @return the options
   */
  public static ListOptions all() {
    return ALL;
  }

  /**
   * The keys that begin with a prefix.
   *
   * @param prefix any bytes; copied
   * @return the options
   */
  public static ListOptions prefix(byte[] prefix) {
    return ALL.withPrefix(prefix);
  }

  /**
   * These options with a prefix.
   *
   * @param newPrefix only keys that begin with this; any bytes; copied
   * @return the options
   */
  public ListOptions withPrefix(byte[] newPrefix) {
    return new ListOptions(newPrefix.clone(), suffix, offset, limit);
  }

  /**
   * These options with a suffix.
   *
   * @param newSuffix only keys that end with this; any bytes; copied
   * @return the options
   */
  public ListOptions withSuffix(byte[] newSuffix) {
    return new ListOptions(prefix, newSuffix.clone(), offset, limit);
  }

  /**
   * These options with an offset.
   *
   * @param newOffset how many to leave out at the front
   * @return the options
   * @throws InvalidArgumentException if it is negative
   */
  public ListOptions withOffset(long newOffset) {
    return new ListOptions(prefix, suffix, notNegative(newOffset, "offset"), limit);
  }

  /**
   * These options with a limit.
   *
   * @param newLimit how many to give at most; 0 for all
   * @return the options
   * @throws InvalidArgumentException if it is negative
   */
  public ListOptions withLimit(long newLimit) {
    return new ListOptions(prefix, suffix, offset, notNegative(newLimit, "limit"));
  }

  /** A request for these records, whole or by their keys only. */
  Request request(int operation, int projection, long timeoutMs) {
    return Request.of(operation, timeoutMs)
        .option(projection)
        .key(prefix)
        .value(suffix)
        .number(offset)
        .most(limit);
  }

  private static long notNegative(long number, String name) {
    if (number < 0) {
      throw new InvalidArgumentException(Objects.requireNonNull(name), "it is " + number + ", which is negative");
    }
    return number;
  }
}
