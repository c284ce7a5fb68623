package io.larder;

import java.util.Optional;

/**
 * What a watch tells. Events of one key come in the order in which they happened.
 *
 * @param <K> the type of the key
 * @param <V> the type of the value
 */
public final class Event<K, V> {
  private final Kind kind;
  private final Entry<K, V> entry;
  private final long lost;
  private final boolean initial;

  Event(Kind kind, Entry<K, V> entry, long lost, boolean initial) {
    this.kind = kind;
    this.entry = entry;
    this.lost = lost;
    this.initial = initial;
  }

  /** What happened. */
  public enum Kind {
    /** The record is new, or was there when the watch began. */
    CREATED,
    /** The record was written over. */
    UPDATED,
    /** The record was removed by a caller. */
    REMOVED,
    /** The record's lifespan or max-idle ended. */
    EXPIRED,
    /** The store made room. */
    EVICTED,
    /** All that was there when the watch began has been told; there is no record. */
    CURRENT,
    /** The reader was too slow, and as many events as {@link Event#lost()} says were dropped; there is no record. */
    LOST,
    /** A kind of a newer library. */
    UNKNOWN;

    private static final Kind[] ALL = values();

    static Kind of(int number) {
      return number > 0 && number < ALL.length ? ALL[number - 1] : UNKNOWN;
    }
  }

  /**
   * What happened.
   *
   * @return the kind
   */
  public Kind kind() {
    return kind;
  }

  /**
   * The record as written; of a removed, expired or evicted one as it last was.
   *
   * @return the entry; empty for {@link Kind#CURRENT} and {@link Kind#LOST}
   */
  public Optional<Entry<K, V>> entry() {
    return Optional.ofNullable(entry);
  }

  /**
   * How many events were dropped.
   *
   * @return the number; 0 but for {@link Kind#LOST}
   */
  public long lost() {
    return lost;
  }

  /**
   * Whether this tells what was there when the watch began.
   *
   * @return true for what was there
   */
  public boolean isInitial() {
    return initial;
  }

  /** The same event about a decoded entry. */
  <A, B> Event<A, B> with(Entry<A, B> newEntry) {
    return new Event<>(kind, newEntry, lost, initial);
  }

  @Override
  public String toString() {
    return "Event[kind=" + kind + ", entry=" + entry + ", lost=" + lost + ", initial=" + initial + "]";
  }
}
