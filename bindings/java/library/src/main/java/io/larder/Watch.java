package io.larder;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * A watch on a store: a stream of events that one thread at a time reads. Any thread may close it.
 *
 * <p>The iterator blocks for each event, and ends when the watch, its store's larder, or the store's backend is closed.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class Watch<K, V> implements AutoCloseable, Iterable<Event<K, V>> {
  static final int BATCH = 256;

  private final State state;
  private final Handle handle;
  private final Function<Event<byte[], byte[]>, Event<K, V>> decoder;
  private final ArrayDeque<Event<K, V>> read = new ArrayDeque<>();

  Watch(State state, Handle handle, Function<Event<byte[], byte[]>, Event<K, V>> decoder) {
    this.state = state;
    this.handle = handle;
    this.decoder = decoder;
  }

  /**
   * The next events. Blocks until there is one, or the time is over.
   *
   * @param most how many at most
   * @param wait how long to wait for the first; zero for not at all
   * @return at least one event; none when none came in time
   * @throws ClosedException when the watch, or what it is on, was closed and all events were read
   * @throws InvalidArgumentException if {@code most} is less than 1
   */
  public List<Event<K, V>> next(int most, Duration wait) {
    return read(most, wait.isZero() ? 0 : Terms.milliseconds(wait, "wait"));
  }

  /**
   * The next event. Blocks until there is one.
   *
   * @return the event
   * @throws ClosedException when the watch, or what it is on, was closed and all events were read
   */
  public Event<K, V> take() {
    return read(1, -1).get(0);
  }

  /**
   * The next events, without a thread that waits.
   *
   * @param most how many at most
   * @return a future of at least one event; it fails with {@link ClosedException} at the end
   */
  public CompletableFuture<List<Event<K, V>>> nextAsync(int most) {
    return state.submit(call(most, 0));
  }

  /** Runs a task where futures are completed. */
  void execute(Runnable task) {
    state.execute(task);
  }

  private List<Event<K, V>> read(int most, long waitMs) {
    return call(most, waitMs).now(false);
  }

  private Call<List<Event<K, V>>> call(int most, long waitMs) {
    if (most < 1) {
      throw new InvalidArgumentException("most", "it is " + most + "; ask for at least one");
    }
    return Call.of(
        handle,
        Request.of(Request.WATCH_NEXT, waitMs).most(most),
        answer -> answer.isFound() ? answer.flat().events().stream().map(decoder).toList() : List.of());
  }

  /**
   * The events from now on, each of which blocks until it is there.
   *
   * @return the iterator; it ends when the watch is closed
   */
  @Override
  public Iterator<Event<K, V>> iterator() {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        if (!read.isEmpty()) {
          return true;
        }
        try {
          read.addAll(Watch.this.read(BATCH, -1));
          return true;
        } catch (ClosedException end) {
          return false;
        }
      }

      @Override
      public Event<K, V> next() {
        if (!hasNext()) {
          throw new NoSuchElementException("the watch was closed");
        }
        return read.remove();
      }
    };
  }

  /** Closes it: a read that waits throws a {@link ClosedException}. Idempotent. Does not block. */
  @Override
  public void close() {
    try {
      Answer.checked(Native.closeWatch(handle.pointer));
    } finally {
      Reference.reachabilityFence(handle);
    }
  }
}
