package io.larder;

import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;

/**
 * A record as it was read: immutable, but for the arrays in it. Two entries are equal only if they are the same object.
 *
 * @param <K> the type of the key
 * @param <V> the type of the value
 */
public final class Entry<K, V> {
  private final K key;
  private final V value;
  private final long revision;
  private final Map<String, byte[]> metadata;
  private final Duration expiresIn;
  private final Duration maxIdle;

  Entry(K key, V value, long revision, Map<String, byte[]> metadata, Duration expiresIn, Duration maxIdle) {
    this.key = key;
    this.value = value;
    this.revision = revision;
    this.metadata = metadata;
    this.expiresIn = expiresIn;
    this.maxIdle = maxIdle;
  }

  /**
   * The key.
   *
   * @return the key
   */
  public K key() {
    return key;
  }

  /**
   * The value.
   *
   * @return the value; of a list of keys an empty one, which a typed store gives as null
   */
  public V value() {
    return value;
  }

  /**
   * The revision, for {@link Store#replace} and {@link Store#remove(byte[], long)}. It grows with every write of the same
   * key.
   *
   * @return the revision
   */
  public long revision() {
    return revision;
  }

  /**
   * The metadata, sorted by name.
   *
   * @return an unmodifiable map; empty when there is none
   */
  public Map<String, byte[]> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  /**
   * How long after the read the record would expire if nobody read it: what is left of its lifespan, or its max-idle.
   *
   * @return the time, in whole milliseconds; empty for a record that does not expire
   */
  public Optional<Duration> expiresIn() {
    return Optional.ofNullable(expiresIn);
  }

  /**
   * How long the record lives without being read.
   *
   * @return the time; empty for a record without a max-idle
   */
  public Optional<Duration> maxIdle() {
    return Optional.ofNullable(maxIdle);
  }

  /** The same entry with key and value decoded. */
  <A, B> Entry<A, B> with(A newKey, B newValue) {
    return new Entry<>(newKey, newValue, revision, metadata, expiresIn, maxIdle);
  }

  /** Revision and times; never the key or the value. */
  @Override
  public String toString() {
    return "Entry[revision=" + revision + ", expiresIn=" + expiresIn + ", maxIdle=" + maxIdle + "]";
  }
}
