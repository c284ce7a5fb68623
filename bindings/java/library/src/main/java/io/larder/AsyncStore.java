package io.larder;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * The operations of a {@link Store} as futures. Any thread may use it, and no method blocks: what needs input or output
 * is submitted, and no thread waits for it. An immediate store's futures are complete when they are answered.
 *
 * <p>A future fails with a {@link LarderException}, which {@code join} wraps into a
 * {@link java.util.concurrent.CompletionException}. To cancel it, or to complete it otherwise, as
 * {@link CompletableFuture#orTimeout} does, cancels the request; a write may still happen then. To cancel a future that
 * was derived from it does not. Futures in flight when the larder is closed fail with a {@link ClosedException}; at too
 * many in flight a further one fails with a {@link BusyException}.
 *
 * <p>Continuations without an executor of their own run in the one of {@link LarderBuilder#executor}.
 */
public final class AsyncStore {
  private final Calls calls;
  private final boolean isImmediate;

  AsyncStore(Calls calls, boolean isImmediate) {
    this.calls = calls;
    this.isImmediate = isImmediate;
  }

  /**
   * Reads a value.
   *
   * @param key the key
   * @return a future of the value; of null when there is none
   */
  public CompletableFuture<byte[]> get(byte[] key) {
    return submit(calls.get(key));
  }

  /**
   * Reads a record: value, revision, metadata and times.
   *
   * @param key the key
   * @return a future of the entry; empty when there is none
   */
  public CompletableFuture<Optional<Entry<byte[], byte[]>>> getEntry(byte[] key) {
    return submit(calls.getEntry(key));
  }

  /**
   * Reads many values by one request. Not a transaction.
   *
   * @param keys the keys
   * @return a future of as many values, in the order of the keys, with null where there is none
   */
  public CompletableFuture<List<byte[]>> getAll(Collection<byte[]> keys) {
    return submit(calls.getAll(keys));
  }

  /**
   * Reads many records by one request. Not a transaction.
   *
   * @param keys the keys
   * @return a future of as many entries, in the order of the keys, with null where there is none
   */
  public CompletableFuture<List<Entry<byte[], byte[]>>> getEntries(Collection<byte[]> keys) {
    return submit(calls.getEntries(keys));
  }

  /**
   * Whether there is a record, without reading it and without counting as a use of it.
   *
   * @param key the key
   * @return a future of true when there is one
   */
  public CompletableFuture<Boolean> contains(byte[] key) {
    return submit(calls.contains(key));
  }

  /**
   * Writes a record, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return a future of the record's new revision
   */
  public CompletableFuture<Long> put(byte[] key, byte[] value, PutOptions options) {
    return submit(calls.put(key, value, options));
  }

  /**
   * Writes a record with the store's defaults, whatever is there.
   *
   * @param key the key
   * @param value the value
   * @return a future of the record's new revision
   */
  public CompletableFuture<Long> put(byte[] key, byte[] value) {
    return put(key, value, PutOptions.none());
  }

  /**
   * Writes many records, each whatever is there. Not one transaction: when some cannot be written, the others are.
   *
   * @param records what to write
   * @return a future of what each came to, in their order; it fails with a {@link BatchException} if some could not be
   *     written
   */
  public CompletableFuture<List<Outcome>> putAll(Collection<KeyValue> records) {
    return submit(calls.putAll(records));
  }

  /**
   * Writes a record if there is none under its key. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param options lifespan, max-idle, metadata and durability
   * @return a future of {@link Status#OK}, or {@link Status#CONFLICT} with the revision of the record that is there
   */
  public CompletableFuture<Outcome> putIfAbsent(byte[] key, byte[] value, PutOptions options) {
    return submit(calls.putIfAbsent(key, value, options));
  }

  /**
   * Writes a record with the store's defaults if there is none under its key. Atomic.
   *
   * @param key the key
   * @param value the value
   * @return a future of {@link Status#OK}, or {@link Status#CONFLICT} with the revision of the record that is there
   */
  public CompletableFuture<Outcome> putIfAbsent(byte[] key, byte[] value) {
    return putIfAbsent(key, value, PutOptions.none());
  }

  /**
   * Writes a record over the one that is there, if that has the expected revision. Atomic.
   *
   * @param key the key
   * @param value the value
   * @param expectedRevision the revision that the record must have
   * @param options lifespan, max-idle, metadata and durability
   * @return a future of {@link Status#OK}, {@link Status#CONFLICT} with the revision of the record that is there, or
   *     {@link Status#NOT_FOUND}
   */
  public CompletableFuture<Outcome> replace(byte[] key, byte[] value, long expectedRevision, PutOptions options) {
    return submit(calls.replace(key, value, expectedRevision, options));
  }

  /**
   * Removes a record.
   *
   * @param key the key
   * @return a future of {@link Status#OK} with the revision that it had, or {@link Status#NOT_FOUND}
   */
  public CompletableFuture<Outcome> remove(byte[] key) {
    return submit(calls.remove(key));
  }

  /**
   * Removes a record if it has the expected revision. Atomic.
   *
   * @param key the key
   * @param expectedRevision the revision that the record must have
   * @return a future of {@link Status#OK} with the revision that it had, {@link Status#CONFLICT} with the one that it
   *     has, or {@link Status#NOT_FOUND}
   */
  public CompletableFuture<Outcome> remove(byte[] key, long expectedRevision) {
    return submit(calls.remove(key, expectedRevision));
  }

  /**
   * Removes many records. Not a transaction.
   *
   * @param keys the keys
   * @return a future of how many there were
   */
  public CompletableFuture<Long> removeAll(Collection<byte[]> keys) {
    return submit(calls.removeAll(keys));
  }

  /**
   * Restarts a record's max-idle clock, and gives it new terms counted from now. Value and revision stay.
   *
   * @param key the key
   * @param terms the lifespan and max-idle that are to change; metadata and durability are not used
   * @return a future of false when there is none
   */
  public CompletableFuture<Boolean> touch(byte[] key, PutOptions terms) {
    return submit(calls.touch(key, terms));
  }

  /**
   * Lists keys, sorted bytewise.
   *
   * @param options which ones
   * @return a future of the keys
   */
  public CompletableFuture<List<byte[]>> keys(ListOptions options) {
    return submit(calls.keys(options));
  }

  /**
   * Lists keys with their revisions and times, sorted bytewise; values and metadata are empty.
   *
   * @param options which ones
   * @return a future of the entries
   */
  public CompletableFuture<List<Entry<byte[], byte[]>>> keyEntries(ListOptions options) {
    return submit(calls.keyEntries(options));
  }

  /**
   * Reads the records that pass a filter, sorted by key, bytewise.
   *
   * @param options which ones
   * @return a future of the entries
   */
  public CompletableFuture<List<Entry<byte[], byte[]>>> list(ListOptions options) {
    return submit(calls.list(options));
  }

  /**
   * Removes every record of this database and table. Watches see each as removed.
   *
   * @return a future of how many there were
   */
  public CompletableFuture<Long> clear() {
    return submit(calls.clear());
  }

  /**
   * How many records this database and table holds; expired ones do not count.
   *
   * @return a future of the number
   */
  public CompletableFuture<Long> size() {
    return submit(calls.size());
  }

  /**
   * What was counted since the store's backend was opened, for all its databases and tables.
   *
   * @return a future of the counts
   */
  public CompletableFuture<Statistics> statistics() {
    return submit(calls.statistics());
  }

  /**
   * Asks whether the store answers.
   *
   * @return a future that fails when it does not
   */
  public CompletableFuture<Void> ping() {
    return submit(calls.ping());
  }

  /**
   * Opens a cursor over whole records.
   *
   * @param options which ones; offset and limit count over all pages
   * @return a future of the cursor
   */
  public CompletableFuture<Cursor<byte[], byte[]>> cursor(ListOptions options) {
    return submit(calls.cursor(options, 1).then(handle -> new Cursor<>(calls, handle, isImmediate, entry -> entry)));
  }

  /**
   * Opens a cursor over keys, revisions and times; values and metadata are empty.
   *
   * @param options which ones; offset and limit count over all pages
   * @return a future of the cursor
   */
  public CompletableFuture<Cursor<byte[], byte[]>> keyCursor(ListOptions options) {
    return submit(calls.cursor(options, 0).then(handle -> new Cursor<>(calls, handle, isImmediate, entry -> entry)));
  }

  /**
   * Begins to watch.
   *
   * @param options what, and from when on
   * @return a future of the watch; it fails with {@link UnsupportedException} if the store has none
   */
  public CompletableFuture<Watch<byte[], byte[]>> watch(WatchOptions options) {
    return submit(calls.watch(options).then(handle -> new Watch<>(calls.state(), handle, event -> event)));
  }

  <V> CompletableFuture<V> get(byte[] key, Function<byte[], V> decoder) {
    return submit(calls.get(key).then(decoder));
  }

  <K, V> CompletableFuture<Optional<Entry<K, V>>> getEntry(
      byte[] key, Function<Entry<byte[], byte[]>, Entry<K, V>> decoder) {
    return submit(calls.getEntry(key).then(found -> found.map(decoder)));
  }

  <T> CompletableFuture<T> getAll(Collection<byte[]> keys, Function<List<byte[]>, T> decoder) {
    return submit(calls.getAll(keys).then(decoder));
  }

  <K> CompletableFuture<List<K>> keys(ListOptions options, Function<byte[], K> decoder) {
    return submit(calls.keys(options).then(found -> found.stream().map(decoder).toList()));
  }

  <K, V> CompletableFuture<List<Entry<K, V>>> list(
      ListOptions options, Function<Entry<byte[], byte[]>, Entry<K, V>> decoder) {
    return submit(calls.list(options).then(found -> found.stream().map(decoder).toList()));
  }

  private <T> CompletableFuture<T> submit(Call<T> call) {
    if (!isImmediate) {
      return calls.state().submit(call);
    }
    try {
      return CompletableFuture.completedFuture(call.now(true));
    } catch (LarderException failure) {
      return CompletableFuture.failedFuture(failure);
    }
  }
}
