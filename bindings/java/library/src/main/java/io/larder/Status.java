package io.larder;

/**
 * What a call came to, as a name and a number. The numbers are the same in Rust, C, Go and Java: 0 is done, a positive
 * one is an answer that is no error, a negative one is an error.
 */
public enum Status {
  /** Done. */
  OK(0),
  /** There is no such record, or it has expired. */
  NOT_FOUND(1),
  /** The caller's buffer is smaller than the value. */
  BUFFER_TOO_SMALL(2),
  /** The record is there already, or its revision is another one than was expected. */
  CONFLICT(3),
  /** The answer needs input or output. */
  PENDING(4),
  /** An answer, not an error, of a newer library. */
  UNKNOWN(Integer.MAX_VALUE),
  /** A fault inside Larder. */
  INTERNAL(-1),
  /** An argument is out of range or not what it must be. */
  INVALID_ARGUMENT(-2),
  /** The configuration cannot be used. */
  CONFIG(-3),
  /** The handle was closed. */
  CLOSED(-4),
  /** The deadline passed before the answer came. */
  TIMEOUT(-5),
  /** The request was cancelled. */
  CANCELLED(-6),
  /** Too many requests are in flight. */
  BUSY(-7),
  /** A key, value or batch is larger than the store takes. */
  TOO_LARGE(-8),
  /** The store cannot do this. */
  UNSUPPORTED(-9),
  /** The store cannot be reached. */
  UNAVAILABLE(-10),
  /** A blocking call was made from inside one of Larder's callbacks. */
  WOULD_DEADLOCK(-11),
  /** The handle was made before a fork and is used in the child. */
  FORKED(-12),
  /** Larder's own code panicked; the panic was caught at the boundary. */
  PANIC(-13),
  /** Memory could not be had. */
  OUT_OF_MEMORY(-14),
  /** A file or a socket failed. */
  IO(-15),
  /** Whether the write happened cannot be known. */
  AMBIGUOUS(-16),
  /** The store refused the credentials. */
  AUTH(-17),
  /** The configuration has no store of that name. */
  NO_SUCH_STORE(-18),
  /** What the store holds under the key cannot be decoded. */
  CORRUPT(-19);

  private static final Status[] ALL = values();

  private final int code;

  Status(int code) {
    this.code = code;
  }

  /**
   * The number of this status.
   *
   * @return the number; never reused for another meaning
   */
  public int code() {
    return code;
  }

  /**
   * Whether this is an error: its number is negative.
   *
   * @return true for an error
   */
  public boolean isError() {
    return code < 0;
  }

  /**
   * Whether the same request can succeed later without any change.
   *
   * @return true for {@link #TIMEOUT}, {@link #BUSY} and {@link #UNAVAILABLE}
   */
  public boolean isRetryable() {
    return this == TIMEOUT || this == BUSY || this == UNAVAILABLE;
  }

  /**
   * The status of a number.
   *
   * @param code the number
   * @return the status; {@link #INTERNAL} for an unknown negative number, {@link #UNKNOWN} for an unknown positive one
   */
  public static Status of(int code) {
    for (Status status : ALL) {
      if (status.code == code) {
        return status;
      }
    }
    return code < 0 ? INTERNAL : UNKNOWN;
  }
}
