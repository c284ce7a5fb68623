package io.larder;

import java.time.Duration;
import java.util.Objects;

/** Times as the natives take them. */
final class Terms {
  /** Without end. */
  static final long UNLIMITED = -1;

  private Terms() {}

  /** A time in milliseconds, rounded up; at least 1. */
  static long milliseconds(Duration duration, String name) {
    Objects.requireNonNull(duration, name);
    if (duration.isNegative() || duration.isZero()) {
      throw new InvalidArgumentException(name, "it is " + duration + "; a time is greater than zero");
    }
    try {
      return duration.plusNanos(999_999).toMillis();
    } catch (ArithmeticException tooLong) {
      return Long.MAX_VALUE;
    }
  }
}
