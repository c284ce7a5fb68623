package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * How long a record lives, what metadata it has and how many replicas must have it. Immutable: each {@code with} method answers another object.
 *
 * <pre>{@code
 * store.put(key, value, PutOptions.lifespan(Duration.ofMinutes(5)).withMaxIdle(Duration.ofMinutes(1)));
 * }</pre>
 */
public final class PutOptions {
  private static final byte[] NOTHING = {};
  private static final PutOptions NONE = new PutOptions(0, 0, new TreeMap<>(), Durability.DEFAULT);

  private final long lifespanMs;
  private final long maxIdleMs;
  private final TreeMap<String, byte[]> metadata;
  private final byte[] metadataBytes;
  private final Durability durability;

  private PutOptions(long lifespanMs, long maxIdleMs, TreeMap<String, byte[]> metadata, Durability durability) {
    this.lifespanMs = lifespanMs;
    this.maxIdleMs = maxIdleMs;
    this.metadata = metadata;
    this.metadataBytes = stored(metadata);
    this.durability = durability;
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
   * A durability.
   *
   * @param durability how many replicas must have the write before it counts as done
   * @return the options
   */
  public static PutOptions durability(Durability durability) {
    return NONE.withDurability(durability);
  }

  /**
   * These options with a lifespan.
   *
   * @param lifespan how long the record lives; rounded up to a whole millisecond
   * @return the options
   * @throws InvalidArgumentException if it is zero or negative
   */
  public PutOptions withLifespan(Duration lifespan) {
    return new PutOptions(Terms.milliseconds(lifespan, "lifespan"), maxIdleMs, metadata, durability);
  }

  /**
   * These options with a lifespan without end, whatever the store's default is.
   *
   * @return the options
   */
  public PutOptions withUnlimitedLifespan() {
    return new PutOptions(Terms.UNLIMITED, maxIdleMs, metadata, durability);
  }

  /**
   * These options with a max-idle.
   *
   * @param maxIdle how long the record lives without being read; rounded up to a whole millisecond
   * @return the options
   * @throws InvalidArgumentException if it is zero or negative
   */
  public PutOptions withMaxIdle(Duration maxIdle) {
    return new PutOptions(lifespanMs, Terms.milliseconds(maxIdle, "maxIdle"), metadata, durability);
  }

  /**
   * These options with a max-idle without end, whatever the store's default is.
   *
   * @return the options
   */
  public PutOptions withUnlimitedMaxIdle() {
    return new PutOptions(lifespanMs, Terms.UNLIMITED, metadata, durability);
  }

  /**
   * These options with a durability.
   *
   * @param durability how many replicas must have the write before it counts as done
   * @return the options
   */
  public PutOptions withDurability(Durability durability) {
    Objects.requireNonNull(durability, "durability");
    return new PutOptions(lifespanMs, maxIdleMs, metadata, durability);
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
    return new PutOptions(lifespanMs, maxIdleMs, more, durability);
  }

  long lifespanMs() {
    return lifespanMs;
  }

  long maxIdleMs() {
    return maxIdleMs;
  }

  Durability durability() {
    return durability;
  }

  /** Whether they are terms only, without metadata and with the store's durability. */
  boolean areTermsOnly() {
    return metadataBytes.length == 0 && durability.number() == 0;
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
    return "PutOptions[lifespanMs=%d, maxIdleMs=%d, metadata=%s, durability=%s]"
        .formatted(lifespanMs, maxIdleMs, metadata.keySet(), durability);
  }
}
