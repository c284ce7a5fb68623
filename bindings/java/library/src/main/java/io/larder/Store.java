package io.larder;

import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The records of one database and table: keys and values are any bytes. Any thread may use it.
 *
 * <p>A key is at most 64 MiB long, a value less than 2 GiB. A record that has expired is never answered. Each operation
 * on one record is atomic; one on many is not a transaction.
 *
 * <p>Each method blocks until the answer or the {@linkplain #withTimeout timeout}, a memory store's never; {@link #async()}
 * gives the same operations as futures. Beside what a method names, each can throw: {@link ClosedException},
 * {@link DeadlineException}, {@link UnavailableException}, and for a write also {@link AmbiguousException} and
 * {@link TooLargeException}.
 */
public final class Store implements AutoCloseable {
  private final State state;
  private final Handle handle;
  private final boolean isImmediate;
  private final long timeoutMs;
  private final Calls calls;
  private final SlotCalls slotCalls;

  private Store(State state, Handle handle, boolean isImmediate, long timeoutMs) {
    this.state = state;
    this.handle = handle;
    this.isImmediate = isImmediate;
    this.timeoutMs = timeoutMs;
    this.calls = new Calls(state, handle, timeoutMs);
    this.slotCalls = new SlotCalls(handle);
  }

  static Store of(State state, Handle handle) {
    return new Store(state, handle, Native.isImmediate(handle.pointer), 0);
  }

  /**
   * The same store with a time after which a call throws a {@link DeadlineException}. A write may still happen then.
   * Closing either closes both.
   *
   * @param timeout the time, rounded up to a whole millisecond
   * @return a store on the same handle
   * @throws InvalidArgumentException if it is zero or negative
   */
  public Store withTimeout(Duration timeout) {
    return new Store(state, handle, isImmediate, Terms.milliseconds(timeout, "timeout"));
  }

  /**
   * Whether every call but those of a watch is answered at once, without input or output.
   *
   * @return true for a memory store
   */
  public boolean isImmediate() {
    return isImmediate;
  }

  /**
   * The same operations as futures.
   *
   * @return the asynchronous form of this store
   */
  public AsyncStore async() {
    return new AsyncStore(calls, isImmediate);
  }

  /**
   * The same store with keys and values of types of one's own.
   *
   * @param keys turns keys into bytes and back
   * @param values turns values into bytes and back
   * @param <K> the type of the keys
   * @param <V> the type of the values
   * @return the typed form of this store
   */
  public <K, V> TypedStore<K, V> typed(Codec<K> keys, Codec<V> values) {
    return new TypedStore<>(this, keys, values);
  }

  /**
   * Reads a value.
   *
   * @param key the key
   * @return the value, which belongs to the caller; null when there is none
   */
  public byte[] get(byte[] key) {
    byte[] value = slotCalls.get(key);
    return value == SlotCalls.UNKNOWN ? now(calls.get(key)) : value;
  }

  /**
   * Reads a value into a buffer of the caller's, without an array of its own.
   *
   * @param key the key
   * @param buffer the buffer; nothing is written to it when it is too small or there is no record
   * @return how long the value is, and its revision
   */
  public Reading getInto(byte[] key, byte[] buffer) {
    Objects.requireNonNull(buffer, "buffer");
    Reading reading = slotCalls.getInto(key, buffer);
    if (reading != null) {
      return reading;
    }
    Optional<Entry<byte[], byte[]>> entry = getEntry(key);
    return entry.map(found -> Reading.of(found.value(), found.revision(), buffer)).orElse(Reading.MISS);
  }

  /**
   * Reads a record: value, revision, metadata and times.
   *
   * @param key the key
   * @return the entry; empty when there is none
   */
  public Optional<Entry<byte[], byte[]>> getEntry(byte[] key) {
    return now(calls.getEntry(key));
  }

  /**
   * Reads many values by one call. Not a transaction.
   *
   * @param keys the keys
   * @return as many values, in the order of the keys, with null where there is none
   */
  public List<byte[]> getAll(Collection<byte[]> keys) {
    List<byte[]> values = isImmediate ? slotCalls.getAll(keys) : null;
    return values == null ? now(calls.getAll(keys)) : values;
  }

  /**
   * Reads many records by one call. Not a transaction.
   *
   * @param keys the keys
   * @return as many entries, in the order of the keys, with null where there is none
   */
  public List<Entry<byte[], byte[]>> getEntries(Collection<byte[]> keys) {
    return now(calls.getEntries(keys));
  }

  /**
   * Whether there is a record, without reading it and without counting as a use of it.
   *
   * @param key the key
   * @return true when there is one
   */
  public boolean contains(byte[] key) {
    return now(calls.contains(key));
  }

  /**
   * Writes a record with the store's default lifespan and max-idle, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @return the record's new revision
   */
  public long put(byte[] key, byte[] value) {
    return put(key, value, PutOptions.none());
  }

  /**
   * Writes a record, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return the record's new revision
   */
  public long put(byte[] key, byte[] value, PutOptions options) {
    long revision = isImmediate ? slotCalls.put(key, value, options, timeoutMs) : SlotCalls.NOT_WRITTEN;
    return revision == SlotCalls.NOT_WRITTEN ? now(calls.put(key, value, options)) : revision;
  }

  /**
   * Writes a record with a lifespan, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @param lifespan how long the record lives; rounded up to a whole millisecond
   * @return the record's new revision
   * @throws InvalidArgumentException if the lifespan is zero or negative
   */
  public long put(byte[] key, byte[] value, Duration lifespan) {
    return put(key, value, PutOptions.lifespan(lifespan));
  }

  /**
   * Writes many records, each whatever is there. Not one transaction: when some cannot be written, the others are.
   *
   * @param records what to write
   * @return what each came to, in their order
   * @throws BatchException if some could not be written; it says which. If none could for the same reason, it is that
   *     reason's exception
   */
  public List<Outcome> putAll(Collection<KeyValue> records) {
    return now(calls.putAll(records));
  }

  /**
   * Writes a record if there is none under its key. Atomic.
   *
   * @param key the key
   * @param value the value
   * @return {@link Status#OK}, or {@link Status#CONFLICT} with the revision of the record that is there
   */
  public Outcome putIfAbsent(byte[] key, byte[] value) {
    return putIfAbsent(key, value, PutOptions.none());
  }

  /**
   * Writes a record if there is none under its key. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return {@link Status#OK}, or {@link Status#CONFLICT} with the revision of the record that is there
   */
  public Outcome putIfAbsent(byte[] key, byte[] value, PutOptions options) {
    return now(calls.putIfAbsent(key, value, options));
  }

  /**
   * Writes a record over the one that is there, if that has the expected revision. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param expectedRevision the revision that the record must have
   * @return {@link Status#OK}; {@link Status#CONFLICT} with the revision of the record that is there;
   *     {@link Status#NOT_FOUND} when there is none
   */
  public Outcome replace(byte[] key, byte[] value, long expectedRevision) {
    return replace(key, value, expectedRevision, PutOptions.none());
  }

  /**
   * Writes a record over the one that is there, if that has the expected revision. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param expectedRevision the revision that the record must have
   * @param options lifespan, max-idle, metadata and durability
   * @return {@link Status#OK}; {@link Status#CONFLICT} with the revision of the record that is there;
   *     {@link Status#NOT_FOUND} when there is none
   */
  public Outcome replace(byte[] key, byte[] value, long expectedRevision, PutOptions options) {
    return now(calls.replace(key, value, expectedRevision, options));
  }

  /**
   * Removes a record.
   *
   * @param key the key
   * @return {@link Status#OK} with the revision that it had, or {@link Status#NOT_FOUND}
   */
  public Outcome remove(byte[] key) {
    return now(calls.remove(key));
  }

  /**
   * Removes a record if it has the expected revision. Atomic.
   *
   * @param key the key
   * @param expectedRevision the revision that the record must have
   * @return {@link Status#OK} with the revision that it had; {@link Status#CONFLICT} with the one that it has;
   *     {@link Status#NOT_FOUND} when there is none
   */
  public Outcome remove(byte[] key, long expectedRevision) {
    return now(calls.remove(key, expectedRevision));
  }

  /**
   * Removes many records. Not a transaction.
   *
   * @param keys the keys
   * @return how many there were
   */
  public long removeAll(Collection<byte[]> keys) {
    return now(calls.removeAll(keys));
  }

  /**
   * Restarts a record's max-idle clock. Value, revision and lifespan stay.
   *
   * @param key the key
   * @return false when there is none
   */
  public boolean touch(byte[] key) {
    return touch(key, PutOptions.none());
  }

  /**
   * Restarts a record's max-idle clock, and gives it new terms counted from now. Value and revision stay.
   *
   * @param key the key
   * @param terms the lifespan and max-idle that are to change; metadata and durability are not used
   * @return false when there is none
   */
  public boolean touch(byte[] key, PutOptions terms) {
    return now(calls.touch(key, terms));
  }

  /**
   * Lists keys, sorted bytewise. For a large store use {@link #cursor}.
   *
   * @param options which ones
   * @return the keys
   */
  public List<byte[]> keys(ListOptions options) {
    return now(calls.keys(options));
  }

  /**
   * Lists keys with their revisions and times, sorted bytewise; values and metadata are empty.
   *
   * @param options which ones
   * @return the entries
   */
  public List<Entry<byte[], byte[]>> keyEntries(ListOptions options) {
    return now(calls.keyEntries(options));
  }

  /**
   * Reads the records that pass a filter, sorted by key, bytewise. For a large store use {@link #cursor}.
   *
   * @param options which ones
   * @return the entries
   */
  public List<Entry<byte[], byte[]>> list(ListOptions options) {
    return now(calls.list(options));
  }

  /**
   * Opens a cursor over whole records.
   *
   * @param options which ones; offset and limit count over all pages
   * @return the cursor
   */
  public Cursor<byte[], byte[]> cursor(ListOptions options) {
    return new Cursor<>(calls, now(calls.cursor(options, 1)), isImmediate, entry -> entry);
  }

  /**
   * Opens a cursor over keys, revisions and times; values and metadata are empty.
   *
   * @param options which ones; offset and limit count over all pages
   * @return the cursor
   */
  public Cursor<byte[], byte[]> keyCursor(ListOptions options) {
    return new Cursor<>(calls, now(calls.cursor(options, 0)), isImmediate, entry -> entry);
  }

  /**
   * Removes every record of this database and table. Watches see each as removed.
   *
   * @return how many there were
   */
  public long clear() {
    return now(calls.clear());
  }

  /**
   * How many records this database and table holds; expired ones do not count.
   *
   * @return the number
   */
  public long size() {
    return now(calls.size());
  }

  /**
   * Begins to watch.
   *
   * @param options what, and from when on
   * @return the watch, to be read by one thread at a time
   * @throws UnsupportedException if the store has no watch
   */
  public Watch<byte[], byte[]> watch(WatchOptions options) {
    return new Watch<>(state, now(calls.watch(options)), event -> event);
  }

  /**
   * Tells each event to a listener, one after the other, where futures are completed. What the listener throws is logged.
   * A listener that is slow makes events wait, and beyond the capacity be dropped, which an event tells.
   *
   * @param options what, and from when on
   * @param listener is told each event
   * @return ends the telling when it is closed
   * @throws UnsupportedException if the store has no watch
   */
  public Registration watch(WatchOptions options, Consumer<? super Event<byte[], byte[]>> listener) {
    return Listening.start(events(options), Objects.requireNonNull(listener, "listener"));
  }

  /**
   * The events as a publisher. Each subscriber has a watch of its own, which begins when it subscribes, and is told as
   * many events as it asked for, where futures are completed. The stream completes when the larder is closed. To
   * subscribe blocks as opening a watch does.
   *
   * @param options what, and from when on
   * @return the publisher
   */
  public Flow.Publisher<Event<byte[], byte[]>> events(WatchOptions options) {
    Objects.requireNonNull(options, "options");
    return new EventPublisher<>(() -> watch(options));
  }

  /**
   * What was counted since the store's backend was opened, for all its databases and tables.
   *
   * @return the counts
   */
  public Statistics statistics() {
    return now(calls.statistics());
  }

  /**
   * Asks whether the store answers.
   *
   * @throws UnavailableException if it does not
   */
  public void ping() {
    now(calls.ping());
  }

  /**
   * What the store is and what it can do.
   *
   * @return a JSON object without secrets
   */
  public String describe() {
    try {
      return new String(Answer.checked(Native.describeStore(handle.pointer)).payload(), StandardCharsets.UTF_8);
    } finally {
      Reference.reachabilityFence(handle);
    }
  }

  /**
   * Closes this store: each later call throws a {@link ClosedException}, and so does what is in flight; other stores on
   * the same records stay open. Idempotent. Does not block.
   */
  @Override
  public void close() {
    try {
      Answer.checked(Native.closeStore(handle.pointer));
    } finally {
      Reference.reachabilityFence(handle);
    }
  }

  <K, V> Cursor<K, V> cursorWith(ListOptions options, Function<Entry<byte[], byte[]>, Entry<K, V>> decoder) {
    return new Cursor<>(calls, now(calls.cursor(options, 1)), isImmediate, decoder);
  }

  <K, V> Watch<K, V> watchWith(WatchOptions options, Function<Event<byte[], byte[]>, Event<K, V>> decoder) {
    return new Watch<>(state, now(calls.watch(options)), decoder);
  }

  private <T> T now(Call<T> call) {
    return call.now(isImmediate);
  }
}
