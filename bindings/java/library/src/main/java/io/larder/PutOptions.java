package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * How long a record lives and what metadata it has. Immutable: each {@code with} method answers another object.
 *
 * <pre>{@code
 * store.put(key, value, PutOptions.lifespan(Duration.ofMinutes(5)).withMaxIdle(Duration.ofMinutes(1)));
 * }</pre>
 */
public final class PutOptions {
  private static final byte[] NOTHING = {};
  private static final PutOptions NONE = new PutOptions(0, 0, new TreeMap<>());

  private final long lifespanMs;
  private final long maxIdleMs;
  private final TreeMap<String, byte[]> metadata;
  private final byte[] metadataBytes;

  private PutOptions(long lifespanMs, long maxIdleMs, TreeMap<String, byte[]> metadata) {
    this.lifespanMs = lifespanMs;
    this.maxIdleMs = maxIdleMs;
    this.metadata = metadata;
    this.metadataBytes = stored(metadata);
  }

  /**
   * The store's defaults, and no metadata.
   *
   * @return the options
   */
  public static PutOptions none() {
    return NONE;
  }

  /**
   * A lifespan.
   *
   * @param lifespan how long the record lives; rounded up to a whole millisecond
   * @return the options
   * @throws InvalidArgumentException if it is zero or negative
   */
  public static PutOptions lifespan(Duration lifespan) {
    return NONE.withLifespan(lifespan);
  }

  /**
   * A max-idle.
   *
   * @param maxIdle how long the record lives without being read; rounded up to a whole millisecond
   * @return the options
   * @throws InvalidArgumentException if it is zero or negative
   */
  public static PutOptions maxIdle(Duration maxIdle) {
    return NONE.withMaxIdle(maxIdle);
  }

  /**
   * These options with a lifespan.
   *
   * @param lifespan how long the record lives; rounded up to a whole millisecond
   * @return the options
   * @throws InvalidArgumentException if it is zero or negative
   */
  public PutOptions withLifespan(Duration lifespan) {
    return new PutOptions(Terms.milliseconds(lifespan, "lifespan"), maxIdleMs, metadata);
  }

  /**
   * These options with a lifespan without end, whatever the store's default is.
   *
   * @return the options
   */
  public PutOptions withUnlimitedLifespan() {
    return new PutOptions(Terms.UNLIMITED, maxIdleMs, metadata);
  }

  /**
   * These options with a max-idle.
   *
   * @param maxIdle how long the record lives without being read; rounded up to a whole millisecond
   * @return the options
   * @throws InvalidArgumentException if it is zero or negative
   */
  public PutOptions withMaxIdle(Duration maxIdle) {
    return new PutOptions(lifespanMs, Terms.milliseconds(maxIdle, "maxIdle"), metadata);
  }

  /**
   * These options with a max-idle without end, whatever the store's default is.
   *
   * @return the options
   */
  public PutOptions withUnlimitedMaxIdle() {
    return new PutOptions(lifespanMs, Terms.UNLIMITED, metadata);
  }

  /**
   * These options with one more name and value in the metadata.
   *
   * @param name the name; a value that it had before is replaced
   * @param value the value, any bytes; copied
   * @return the options
   */
  public PutOptions withMetadata(String name, byte[] value) {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(value, "value");
    return withMetadata(Map.of(name, value));
  }

  /**
   * These options with more names and values in the metadata.
   *
   * @param pairs names and values; the values are copied
   * @return the options
   */
  public PutOptions withMetadata(Map<String, byte[]> pairs) {
    TreeMap<String, byte[]> more = new TreeMap<>(metadata);
    pairs.forEach((name, value) -> more.put(name, value.clone()));
    return new PutOptions(lifespanMs, maxIdleMs, more);
  }

  long lifespanMs() {
    return lifespanMs;
  }

  long maxIdleMs() {
    return maxIdleMs;
  }

  /** The metadata in its stored form. */
  byte[] metadataBytes() {
    return metadataBytes;
  }

  private static byte[] stored(TreeMap<String, byte[]> metadata) {
    if (metadata.isEmpty()) {
      return NOTHING;
    }
    // The stored form is sorted by the bytes of the names, which for text beyond the basic plane is not Java's order.
    TreeMap<byte[], byte[]> sorted = new TreeMap<>(java.util.Arrays::compareUnsigned);
    metadata.forEach((name, value) -> sorted.put(name.getBytes(StandardCharsets.UTF_8), value));
    long length = sorted.entrySet().stream().mapToLong(pair -> 8L + pair.getKey().length + pair.getValue().length).sum();
    if (length > Integer.MAX_VALUE - 64) {
      throw new TooLargeException("metadata", "it is " + length + " bytes long");
    }
    ByteBuffer buffer = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
    sorted.forEach((name, value) -> buffer.putInt(name.length).putInt(value.length).put(name).put(value));
    return buffer.array();
  }

  @Override
  public String toString() {
    return "PutOptions[lifespanMs=" + lifespanMs + ", maxIdleMs=" + maxIdleMs + ", metadata=" + metadata.keySet() + "]";
  }
}
