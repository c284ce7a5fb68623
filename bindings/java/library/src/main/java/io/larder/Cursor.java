package io.larder;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Reads a large store page by page, sorted by key. A record that went away since the cursor was opened is left out; one
 * that came since may be. One thread at a time uses it.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class Cursor<K, V> implements AutoCloseable, Iterator<Entry<K, V>> {
  private static final int PAGE = 256;

  private final State state;
  private final Handle handle;
  private final long timeoutMs;
  private final boolean isImmediate;
  private final Function<Entry<byte[], byte[]>, Entry<K, V>> decoder;
  private final ArrayDeque<Entry<K, V>> read = new ArrayDeque<>();
  private volatile boolean closed;

  Cursor(Calls calls, Handle handle, boolean isImmediate, Function<Entry<byte[], byte[]>, Entry<K, V>> decoder) {
    this.state = calls.state();
    this.timeoutMs = calls.timeoutMs();
    this.handle = handle;
    this.isImmediate = isImmediate;
    this.decoder = decoder;
  }

  /**
   * The next page. Blocks until the answer or the store's timeout. Begins with what {@link #hasNext} has read and
   * {@link #next()} has not given yet.
   *
   * @param most how many records at most
   * @return at least one entry; none at the end
   * @throws InvalidArgumentException if {@code most} is less than 1
   * @throws ClosedException if the cursor or what it is on was closed
   */
  public List<Entry<K, V>> next(int most) {
    check(most);
    return read.isEmpty() ? call(most).now(isImmediate) : taken(most);
  }

  /**
   * The next page, without a thread that waits. Does not block. Begins as {@link #next(int)} does. When the future is
   * cancelled or times out, the records of its page may be left out of what follows: open the cursor anew then.
   *
   * @param most how many records at most
   * @return a future of at least one entry; of none at the end
   * @throws InvalidArgumentException if {@code most} is less than 1
   * @throws ClosedException if the cursor was closed
   */
  public CompletableFuture<List<Entry<K, V>>> nextAsync(int most) {
    check(most);
    return read.isEmpty() ? state.submit(call(most)) : CompletableFuture.completedFuture(taken(most));
  }

  private void check(int most) {
    if (closed) {
      throw new ClosedException("cursor", "it was closed; open it anew to go on");
    }
    if (most < 1) {
      throw new InvalidArgumentException("most", "it is " + most + "; ask for at least one");
    }
  }

  private List<Entry<K, V>> taken(int most) {
    List<Entry<K, V>> taken = new ArrayList<>(Math.min(most, read.size()));
    while (taken.size() < most && !read.isEmpty()) {
      taken.add(read.remove());
    }
    return List.copyOf(taken);
  }

  private Call<List<Entry<K, V>>> call(int most) {
    return Call.of(
        handle,
        Request.of(Request.CURSOR_NEXT, timeoutMs).most(most),
        answer -> answer.isFound() ? answer.flat().entries().stream().map(decoder).toList() : List.of());
  }

  /**
   * Whether there is another record. Blocks as {@link #next(int)} does when a page has to be read.
   *
   * @return false at the end
   * @throws ClosedException if the cursor or what it is on was closed
   */
  @Override
  public boolean hasNext() {
    if (read.isEmpty()) {
      read.addAll(next(PAGE));
    }
    return !read.isEmpty();
  }

  /**
   * The next record.
   *
   * @return the entry
   * @throws NoSuchElementException at the end
   * @throws ClosedException if the cursor or what it is on was closed
   */
  @Override
  public Entry<K, V> next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the cursor is at its end");
    }
    return read.remove();
  }

  /**
   * Closes it: a further read throws a {@link ClosedException}, also where records were read ahead. Idempotent. Does not
   * block.
   */
  @Override
  public void close() {
    closed = true;
    read.clear();
  }
}
