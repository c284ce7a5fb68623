package io.larder;

/**
 * Why a call failed. Every failure that Larder itself tells of is one of these or of a subclass; a null argument is a
 * {@link NullPointerException}. The message says what was attempted, what failed and what to do, and never holds a key's
 * value or a secret.
 *
 * <p>After an exception other than {@link AmbiguousException}, {@link DeadlineException} and
 * {@link RequestCancelledException} a write did not happen; after one of these it may have happened.
 */
public class LarderException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What the call came to. */
  private final Status status;

  /** The setting, argument or store type at fault. */
  private final String source;

  /**
   * A failure.
   *
   * @param status what the call came to
   * @param source the setting, argument or store type at fault; may be empty
   * @param message what happened and what to do
   * @param cause the failure behind it; may be null
   */
  protected LarderException(Status status, String source, String message, Throwable cause) {
    super(source.isEmpty() ? message : source + ": " + message, cause);
    this.status = status;
    this.source = source;
  }

  /**
   * What the call came to.
   *
   * @return the status
   */
  public Status status() {
    return status;
  }

  /**
   * The setting, argument or store type at fault.
   *
   * @return its name; empty when there is none
   */
  public String source() {
    return source;
  }

  /**
   * Whether the same request can succeed later without any change.
   *
   * @return true when a retry makes sense
   */
  public boolean isRetryable() {
    return status.isRetryable();
  }

  /** The message without the source in front. */
  String detail() {
    return source.isEmpty() ? getMessage() : getMessage().substring(source.length() + 2);
  }

  /** The exception of a status. */
  static LarderException of(Status status, String source, String message) {
    return switch (status) {
      case INVALID_ARGUMENT -> new InvalidArgumentException(source, message);
      case CONFIG -> new ConfigurationException(source, message);
      case CLOSED -> new ClosedException(source, message);
      case TIMEOUT -> new DeadlineException(source, message);
      case CANCELLED -> new RequestCancelledException(source, message);
      case BUSY -> new BusyException(source, message);
      case TOO_LARGE -> new TooLargeException(source, message);
      case UNSUPPORTED -> new UnsupportedException(source, message);
      case UNAVAILABLE -> new UnavailableException(source, message);
      case AMBIGUOUS -> new AmbiguousException(source, message);
      case AUTH -> new AuthenticationException(source, message);
      case NO_SUCH_STORE -> new NoSuchStoreException(source, message);
      case CORRUPT -> new CorruptException(source, message, null);
      default -> new LarderException(status, source, message, null);
    };
  }
}
