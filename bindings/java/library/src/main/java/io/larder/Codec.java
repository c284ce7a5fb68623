package io.larder;

/**
 * Turns objects into bytes and back. An implementation is stateless or safe for use by any thread.
 *
 * <p>As a codec of keys, equal objects must give equal bytes.
 *
 * @param <T> the type of the objects
 */
public interface Codec<T> {
  /**
   * The bytes of an object.
   *
   * @param object the object; not null
   * @return its bytes, which the caller does not change
   * @throws CorruptException if the object has no such form
   */
  byte[] encode(T object);

  /**
   * The object of bytes.
   *
   * @param bytes the bytes, which the codec may keep
   * @return the object; not null
   * @throws CorruptException if the bytes are none that {@link #encode} gives
   */
  T decode(byte[] bytes);
}
