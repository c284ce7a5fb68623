package io.larder;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * The operations of a {@link TypedStore} as futures. What {@link AsyncStore} says of futures holds here too; decoding
 * happens where futures are completed.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class AsyncTypedStore<K, V> {
  private final AsyncStore store;
  private final TypedStore<K, V> typed;

  AsyncTypedStore(AsyncStore store, TypedStore<K, V> typed) {
    this.store = store;
    this.typed = typed;
  }

  /**
   * Reads a value.
   *
   * @param key the key
   * @return a future of the value; of null when there is none
   */
  public CompletableFuture<V> get(K key) {
    return store.get(typed.encode(key), typed::decode);
  }

  /**
   * Reads a record: value, revision, metadata and times.
   *
   * @param key the key
   * @return a future of the entry; empty when there is none
   */
  public CompletableFuture<Optional<Entry<K, V>>> getEntry(K key) {
    return store.getEntry(typed.encode(key), typed::decode);
  }

  /**
   * Reads many values by one request. Not a transaction.
   *
   * @param wanted the keys
   * @return a future of the values that there are, by their keys, in the order of the keys
   */
  public CompletableFuture<Map<K, V>> getAll(Collection<? extends K> wanted) {
    List<K> order = new ArrayList<>(wanted);
    return store.getAll(typed.encodeAll(order), found -> typed.present(order, found));
  }

  /**
   * Whether there is a record, without reading it and without counting as a use of it.
   *
   * @param key the key
   * @return a future of true when there is one
   */
  public CompletableFuture<Boolean> contains(K key) {
    return store.contains(typed.encode(key));
  }

  /**
   * Writes a record, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return a future of the record's new revision
   */
  public CompletableFuture<Long> put(K key, V value, PutOptions options) {
    return store.put(typed.encode(key), typed.encodeValue(value), options);
  }

  /**
   * Writes many records, each whatever is there. Not one transaction: when some cannot be written, the others are.
   *
   * @param records what to write
   * @param options lifespan, max-idle, metadata and durability of each
   * @return a future of what each came to, in the order of the map
   */
  public CompletableFuture<List<Outcome>> putAll(Map<? extends K, ? extends V> records, PutOptions options) {
    return store.putAll(typed.encodeAll(records, options));
  }

  /**
   * Writes a record if there is none under its key. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return a future of what it came to
   */
  public CompletableFuture<Outcome> putIfAbsent(K key, V value, PutOptions options) {
    return store.putIfAbsent(typed.encode(key), typed.encodeValue(value), options);
  }

  /**
   * Writes a record over the one that is there, if that has the expected revision. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param expectedRevision the revision that the record must have
   * @param options lifespan, max-idle, metadata and durability
   * @return a future of what it came to
   */
  public CompletableFuture<Outcome> replace(K key, V value, long expectedRevision, PutOptions options) {
    return store.replace(typed.encode(key), typed.encodeValue(value), expectedRevision, options);
  }

  /**
   * Removes a record.
   *
   * @param key the key
   * @return a future of what it came to
   */
  public CompletableFuture<Outcome> remove(K key) {
    return store.remove(typed.encode(key));
  }

  /**
   * Removes a record if it has the expected revision. Atomic.
   *
   * @param key the key
   * @param expectedRevision the revision that the record must have
   * @return a future of what it came to
   */
  public CompletableFuture<Outcome> remove(K key, long expectedRevision) {
    return store.remove(typed.encode(key), expectedRevision);
  }

  /**
   * Removes many records. Not a transaction.
   *
   * @param unwanted the keys
   * @return a future of how many there were
   */
  public CompletableFuture<Long> removeAll(Collection<? extends K> unwanted) {
    return store.removeAll(typed.encodeAll(unwanted));
  }

  /**
   * Restarts a record's max-idle clock, and gives it new terms counted from now. Value and revision stay.
   *
   * @param key the key
   * @param terms the lifespan and max-idle that are to change; metadata and durability are not used
   * @return a future of false when there is none
   */
  public CompletableFuture<Boolean> touch(K key, PutOptions terms) {
    return store.touch(typed.encode(key), terms);
  }

  /**
   * Lists keys, sorted by their bytes.
   *
   * @param options which ones
   * @return a future of the keys
   */
  public CompletableFuture<List<K>> keys(ListOptions options) {
    return store.keys(options, typed::decodeKey);
  }

  /**
   * Reads the records that pass a filter, sorted by the bytes of their keys.
   *
   * @param options which ones
   * @return a future of the entries
   */
  public CompletableFuture<List<Entry<K, V>>> list(ListOptions options) {
    return store.list(options, typed::decode);
  }

  /**
   * Removes every record of this database and table. Watches see each as removed.
   *
   * @return a future of how many there were
   */
  public CompletableFuture<Long> clear() {
    return store.clear();
  }

  /**
   * How many records this database and table holds; expired ones do not count.
   *
   * @return a future of the number
   */
  public CompletableFuture<Long> size() {
    return store.size();
  }
}
