package io.larder;

/** What the store holds under the key cannot be decoded, or a {@link Codec} could not encode a key or value. */
public final class CorruptException extends LarderException {
  private static final long serialVersionUID = 1L;

  /**
   * A failure of a codec.
   *
   * @param source the codec at fault
   * @param message what it could not do; without the data itself
   * @param cause the failure behind it; may be null
   */
  public CorruptException(String source, String message, Throwable cause) {
    super(Status.CORRUPT, source, message, cause);
  }
}
