package io.larder;

import java.lang.ref.Reference;
import java.time.Duration;
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
  private final State state;
  private final Handle handle;
  private final Inbox<K, V> inbox;

  Watch(State state, Handle handle, Function<Event<byte[], byte[]>, Event<K, V>> decoder) {
    this.state = state;
    this.handle = handle;
    this.inbox = new Inbox<>(state, handle, decoder);
  }

  /**
   * The next events. Blocks until there is one, or the time is over.
   *
   * @param most how many at most
   * @param wait how long to wait for the first; zero for not at all
   * @return at least one event; none when none came in time
   * @throws ClosedException when the watch, or what it is on, was closed, which drops events that were not read
   * @throws InvalidArgumentException if {@code most} is less than 1
   */
  public List<Event<K, V>> next(int most, Duration wait) {
    return inbox.next(most, wait.isZero() ? 0 : Terms.milliseconds(wait, "wait"));
  }

  /**
   * The next event. Blocks until there is one.
   *
   * @return the event
   * @throws ClosedException when the watch, or what it is on, was closed, which drops events that were not read
   */
  public Event<K, V> take() {
    return inbox.next(1, -1).get(0);
  }

  /**
   * The next events, without a thread that waits. Does not block. A future that is cancelled or times out takes no events
   * with it: those that were on their way are what the next read gives. It cannot be cancelled any more while its events
   * are decoded.
   *
   * @param most how many at most
   * @return a future of at least one event; it fails with {@link ClosedException} at the end, and with
   *     {@link BusyException} when too many requests are in flight
   * @throws InvalidArgumentException if {@code most} is less than 1
   */
  public CompletableFuture<List<Event<K, V>>> nextAsync(int most) {
    return inbox.nextAsync(most);
  }

  /** Runs a task where futures are completed. */
  void execute(Runnable task) {
    state.execute(task);
  }

  /**
   * The events from now on, each of which blocks until it is there. An event that {@link Iterator#hasNext} has found and
   * {@link Iterator#next} has not given yet is the first that another read gives.
   *
   * @return the iterator; it ends when the watch is closed
   */
  @Override
  public Iterator<Event<K, V>> iterator() {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return inbox.hasNext();
      }

      @Override
      public Event<K, V> next() {
        Event<K, V> event = inbox.hasNext() ? inbox.poll() : null;
        if (event == null) {
          throw new NoSuchElementException("the watch was closed");
        }
        return event;
      }
    };
  }

  /**
   * Closes it: a read that waits throws a {@link ClosedException}, a further one too, and events that were not read are
   * dropped. Idempotent. Does not block.
   */
  @Override
  public void close() {
    inbox.close();
    try {
      Answer.checked(Native.closeWatch(handle.pointer));
    } finally {
      Reference.reachabilityFence(handle);
    }
  }
}
