package io.larder;

import java.util.Objects;

/**
 * One record to write among many.
 *
 * @param key the key, any bytes; not copied before the write
 * @param value the value, any bytes; not copied before the write
 * @param options lifespan, max-idle, metadata and durability
 */
public record KeyValue(byte[] key, byte[] value, PutOptions options) {
  /**
   * A record to write.
   *
   * @param key the key, any bytes
   * @param value the value, any bytes
   * @param options lifespan, max-idle, metadata and durability
   * @throws NullPointerException if one of them is null
   */
  public KeyValue {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(options, "options");
  }

  /**
   * A record to write with the store's defaults.
   *
   * @param key the key, any bytes
   * @param value the value, any bytes
   * @return the record
   */
  public static KeyValue of(byte[] key, byte[] value) {
    return new KeyValue(key, value, PutOptions.none());
  }

  /**
   * A record to write.
   *
   * @param key the key, any bytes
   * @param value the value, any bytes
   * @param options lifespan, max-idle, metadata and durability
   * @return the record
   */
  public static KeyValue of(byte[] key, byte[] value, PutOptions options) {
    return new KeyValue(key, value, options);
  }
}
