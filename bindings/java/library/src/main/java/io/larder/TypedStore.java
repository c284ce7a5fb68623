package io.larder;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

/**
 * A {@link Store} with keys and values of types of one's own. What holds for each method of the store, what is atomic,
 * what blocks and what is thrown, holds here too; besides, each can throw a {@link CorruptException} when bytes cannot be
 * decoded or an object cannot be encoded.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class TypedStore<K, V> implements AutoCloseable {
  private final Store store;
  private final Codec<K> keys;
  private final Codec<V> values;

  TypedStore(Store store, Codec<K> keys, Codec<V> values) {
    this.store = store;
    this.keys = Objects.requireNonNull(keys, "keys");
    this.values = Objects.requireNonNull(values, "values");
  }

  /**
   * The store of bytes below.
   *
   * @return the store
   */
  public Store bytes() {
    return store;
  }

  /**
   * The same store with a time after which a call throws a {@link DeadlineException}.
   *
   * @param timeout the time, rounded up to a whole millisecond
   * @return a store on the same handle
   * @throws InvalidArgumentException if it is zero or negative
   */
  public TypedStore<K, V> withTimeout(Duration timeout) {
    return new TypedStore<>(store.withTimeout(timeout), keys, values);
  }

  /**
   * The same operations as futures.
   *
   * @return the asynchronous form of this store
   */
  public AsyncTypedStore<K, V> async() {
    return new AsyncTypedStore<>(store.async(), this);
  }

  /**
   * Reads a value.
   *
   * @param key the key
   * @return the value; null when there is none
   */
  public V get(K key) {
    return decode(store.get(encode(key)));
  }

  /**
   * Reads a record: value, revision, metadata and times.
   *
   * @param key the key
   * @return the entry; empty when there is none
   */
  public Optional<Entry<K, V>> getEntry(K key) {
    return store.getEntry(encode(key)).map(this::decode);
  }

  /**
   * Reads many values by one call. Not a transaction.
   *
   * @param wanted the keys
   * @return the values that there are, by their keys, in the order of the keys
   */
  public Map<K, V> getAll(Collection<? extends K> wanted) {
    List<K> order = new ArrayList<>(wanted);
    return present(order, store.getAll(encodeAll(order)));
  }

  /**
   * Whether there is a record, without reading it and without counting as a use of it.
   *
   * @param key the key
   * @return true when there is one
   */
  public boolean contains(K key) {
    return store.contains(encode(key));
  }

  /**
   * Writes a record with the store's default lifespan and max-idle, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @return the record's new revision
   */
  public long put(K key, V value) {
    return store.put(encode(key), encodeValue(value));
  }

  /**
   * Writes a record, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return the record's new revision
   */
  public long put(K key, V value, PutOptions options) {
    return store.put(encode(key), encodeValue(value), options);
  }

  /**
   * Writes many records, each whatever is there. Not one transaction: when some cannot be written, the others are.
   *
   * @param records what to write
   * @param options lifespan, max-idle, metadata and durability of each
   * @return what each came to, in the order of the map
   * @throws BatchException if some could not be written; it says which. If none could for the same reason, it is that
   *     reason's exception
   */
  public List<Outcome> putAll(Map<? extends K, ? extends V> records, PutOptions options) {
    return store.putAll(encodeAll(records, options));
  }

  /**
   * Writes a record if there is none under its key. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return {@link Status#OK}, or {@link Status#CONFLICT} with the revision of the record that is there
   */
  public Outcome putIfAbsent(K key, V value, PutOptions options) {
    return store.putIfAbsent(encode(key), encodeValue(value), options);
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
  public Outcome replace(K key, V value, long expectedRevision, PutOptions options) {
    return store.replace(encode(key), encodeValue(value), expectedRevision, options);
  }

  /**
   * Removes a record.
   *
   * @param key the key
   * @return {@link Status#OK} with the revision that it had, or {@link Status#NOT_FOUND}
   */
  public Outcome remove(K key) {
    return store.remove(encode(key));
  }

  /**
   * Removes a record if it has the expected revision. Atomic.
   *
   * @param key the key
   * @param expectedRevision the revision that the record must have
   * @return {@link Status#OK} with the revision that it had; {@link Status#CONFLICT} with the one that it has;
   *     {@link Status#NOT_FOUND} when there is none
   */
  public Outcome remove(K key, long expectedRevision) {
    return store.remove(encode(key), expectedRevision);
  }

  /**
   * Removes many records. Not a transaction.
   *
   * @param unwanted the keys
   * @return how many there were
   */
  public long removeAll(Collection<? extends K> unwanted) {
    return store.removeAll(encodeAll(unwanted));
  }

  /**
   * Restarts a record's max-idle clock, and gives it new terms counted from now. Value and revision stay.
   *
   * @param key the key
   * @param terms the lifespan and max-idle that are to change; metadata and durability are not used
   * @return false when there is none
   */
  public boolean touch(K key, PutOptions terms) {
    return store.touch(encode(key), terms);
  }

  /**
   * Lists keys, sorted by their bytes.
   *
   * @param options which ones
   * @return the keys
   */
  public List<K> keys(ListOptions options) {
    return store.keys(options).stream().map(keys::decode).toList();
  }

  /**
   * Reads the records that pass a filter, sorted by the bytes of their keys.
   *
   * @param options which ones
   * @return the entries
   */
  public List<Entry<K, V>> list(ListOptions options) {
    return store.list(options).stream().map(this::decode).toList();
  }

  /**
   * Opens a cursor over whole records.
   *
   * @param options which ones; offset and limit count over all pages
   * @return the cursor
   */
  public Cursor<K, V> cursor(ListOptions options) {
    return store.cursorWith(options, this::decode);
  }

  /**
   * Removes every record of this database and table. Watches see each as removed.
   *
   * @return how many there were
   */
  public long clear() {
    return store.clear();
  }

  /**
   * How many records this database and table holds; expired ones do not count.
   *
   * @return the number
   */
  public long size() {
    return store.size();
  }

  /**
   * Begins to watch.
   *
   * @param options what, and from when on
   * @return the watch, to be read by one thread at a time
   * @throws UnsupportedException if the store has no watch
   */
  public Watch<K, V> watch(WatchOptions options) {
    return store.watchWith(options, this::decodeEvent);
  }

  /**
   * Tells each event to a listener; see {@link Store#watch(WatchOptions, Consumer)}.
   *
   * @param options what, and from when on
   * @param listener is told each event
   * @return ends the telling when it is closed
   * @throws UnsupportedException if the store has no watch
   */
  public Registration watch(WatchOptions options, Consumer<? super Event<K, V>> listener) {
    return Listening.start(events(options), Objects.requireNonNull(listener, "listener"));
  }

  /**
   * The events as a publisher; see {@link Store#events}.
   *
   * @param options what, and from when on
   * @return the publisher
   */
  public Flow.Publisher<Event<K, V>> events(WatchOptions options) {
    Objects.requireNonNull(options, "options");
    return new EventPublisher<>(() -> watch(options));
  }

  /** Closes the store below; see {@link Store#close()}. */
  @Override
  public void close() {
    store.close();
  }

  byte[] encode(K key) {
    return keys.encode(Objects.requireNonNull(key, "key"));
  }

  byte[] encodeValue(V value) {
    return values.encode(Objects.requireNonNull(value, "value"));
  }

  List<byte[]> encodeAll(Collection<? extends K> objects) {
    List<byte[]> encoded = new ArrayList<>(objects.size());
    objects.forEach(key -> encoded.add(encode(key)));
    return encoded;
  }

  List<KeyValue> encodeAll(Map<? extends K, ? extends V> records, PutOptions options) {
    List<KeyValue> encoded = new ArrayList<>(records.size());
    records.forEach((key, value) -> encoded.add(KeyValue.of(encode(key), encodeValue(value), options)));
    return encoded;
  }

  V decode(byte[] value) {
    return value == null ? null : values.decode(value);
  }

  K decodeKey(byte[] key) {
    return keys.decode(key);
  }

  Entry<K, V> decode(Entry<byte[], byte[]> entry) {
    return entry.with(keys.decode(entry.key()), values.decode(entry.value()));
  }

  Event<K, V> decodeEvent(Event<byte[], byte[]> event) {
    return event.with(event.entry().map(this::decode).orElse(null));
  }

  Map<K, V> present(List<K> order, List<byte[]> found) {
    Map<K, V> present = new LinkedHashMap<>();
    for (int index = 0; index < order.size(); index++) {
      if (found.get(index) != null) {
        present.put(order.get(index), values.decode(found.get(index)));
      }
    }
    return present;
  }
}
