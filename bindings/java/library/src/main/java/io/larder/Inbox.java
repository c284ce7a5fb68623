package io.larder;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * What a watch was told and nobody has taken yet, and the futures that wait for more.
 *
 * <p>Futures have one request on its way between them, and what it brings stays here until somebody takes it: so events
 * keep their order, and none is lost when a future is cancelled or times out while its events come. A request that nobody
 * waits for any more is cancelled, and a read that blocks waits until it has ended. The dispatcher's thread tells of that,
 * so that no executor whose threads all wait for events keeps them from coming. It does not unpack them, for they may be
 * long; who takes them does, and decodes them.
 */
final class Inbox<K, V> {
  static final int BATCH = 256;

  private final State state;
  private final Handle handle;
  private final Function<Event<byte[], byte[]>, Event<K, V>> decoder;
  private final Runnable serving = this::serve;

  // What follows is guarded by this.
  private final ArrayDeque<Event<byte[], byte[]>> events = new ArrayDeque<>();
  private final ArrayDeque<Next> waiting = new ArrayDeque<>();

  /** What is on its way; null when nothing is. */
  private CompletableFuture<Answer> request;

  /** Whether nobody waited any more for the request on its way, so that it was cancelled. */
  private boolean withdrawn;

  /** What the last request brought, until somebody unpacks it. */
  private Answer arrived;

  /** Why the last request brought nothing, until somebody is told. */
  private Throwable failure;

  /** Whether an iterator said that the first event is there: it gives that one also after a close. */
  private boolean promised;

  private boolean closed;

  Inbox(State state, Handle handle, Function<Event<byte[], byte[]>, Event<K, V>> decoder) {
    this.state = state;
    this.handle = handle;
    this.decoder = decoder;
  }

  /** The next events, at most so many; none when none came in time. Negative milliseconds are a wait without end. */
  List<Event<K, V>> next(int most, long waitMs) {
    check(most);
    long start = System.nanoTime();
    List<Event<byte[], byte[]>> there;
    synchronized (this) {
      boolean mayAsk = settle(waitMs, start);
      there = take(most);
      // Of a watch that was closed, the library says so.
      if (there.isEmpty() && !mayAsk && !closed) {
        return List.of();
      }
    }
    return decoded(there.isEmpty() ? ask(most, left(waitMs, start)) : there);
  }

  /** A future of the next events, at most so many. */
  CompletableFuture<List<Event<K, V>>> nextAsync(int most) {
    check(most);
    Next next = new Next(most);
    boolean isServed;
    synchronized (this) {
      isServed = waiting.isEmpty() && next.serve(take(most), null);
      if (!isServed) {
        waiting.add(next);
      }
    }
    if (isServed) {
      next.finish();
    } else {
      submit();
    }
    return next;
  }

  /** Whether there is an event, which it leaves there. Blocks until there is one; false when the watch was closed. */
  boolean hasNext() {
    synchronized (this) {
      settle(-1, 0);
      unpack();
      promised = !events.isEmpty();
      if (promised) {
        return true;
      }
    }
    List<Event<byte[], byte[]>> more;
    try {
      more = ask(BATCH, -1);
    } catch (ClosedException end) {
      return false;
    }
    synchronized (this) {
      if (closed) {
        return false;
      }
      events.addAll(more);
      promised = !events.isEmpty();
      return promised;
    }
  }

  /** The event that {@link #hasNext} found; null when somebody else has taken it. */
  Event<K, V> poll() {
    Event<byte[], byte[]> first;
    synchronized (this) {
      first = events.poll();
      promised = false;
    }
    return first == null ? null : decoder.apply(first);
  }

  /** Forgets what was not taken. */
  synchronized void close() {
    closed = true;
    if (arrived != null) {
      arrived.drop();
      arrived = null;
    }
    while (events.size() > (promised ? 1 : 0)) {
      events.removeLast();
    }
  }

  private static void check(int most) {
    if (most < 1) {
      throw new InvalidArgumentException("most", "it is " + most + "; ask for at least one");
    }
  }

  /** The milliseconds that are left of a wait. */
  private static long left(long waitMs, long start) {
    return waitMs < 0 ? -1 : Math.max(waitMs - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start), 0);
  }

  private List<Event<K, V>> decoded(List<Event<byte[], byte[]>> taken) {
    return taken.stream().map(decoder).toList();
  }

  private Call<Answer> call(int most, long waitMs) {
    return Call.of(handle, Request.of(Request.WATCH_NEXT, waitMs).most(most), answer -> answer);
  }

  private List<Event<byte[], byte[]>> ask(int most, long waitMs) {
    return unpacked(call(most, waitMs).now(false));
  }

  private static List<Event<byte[], byte[]>> unpacked(Answer answer) {
    return answer.isFound() ? answer.flat().events() : List.of();
  }

  private void unpack() {
    if (arrived == null) {
      return;
    }
    Answer answer = arrived;
    arrived = null;
    events.addAll(unpacked(answer));
  }

  private List<Event<byte[], byte[]>> take(int most) {
    if (closed) {
      return List.of();
    }
    unpack();
    List<Event<byte[], byte[]>> taken = new ArrayList<>(Math.min(most, events.size()));
    while (taken.size() < most && !events.isEmpty()) {
      taken.add(events.remove());
      promised = false;
    }
    return taken;
  }

  /**
   * Waits until there are events, or no request is on its way, which could bring some that come before all others. For a
   * request that was cancelled, however long that takes: it is the way from one thread to another.
   *
   * @return whether no request is on its way
   */
  private boolean settle(long waitMs, long start) {
    boolean isInterrupted = false;
    while (request != null && events.isEmpty()) {
      long left = withdrawn ? -1 : left(waitMs, start);
      if (left == 0) {
        break;
      }
      try {
        wait(Math.max(left, 0));
      } catch (InterruptedException end) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
    return request == null;
  }

  /** Asks for events where somebody waits for them, and they are not on their way. */
  private void submit() {
    CompletableFuture<Answer> submitted;
    synchronized (this) {
      if (waiting.isEmpty() || request != null || hasMoreToServe()) {
        return;
      }
      submitted = submitted(waiting.element().most);
      request = submitted;
    }
    submitted.whenComplete(this::arrive);
  }

  private CompletableFuture<Answer> submitted(int most) {
    try {
      return state.submit(call(most, 0), Runnable::run);
    } catch (RuntimeException | Error lack) {
      return CompletableFuture.failedFuture(lack);
    }
  }

  private void arrive(Answer answer, Throwable problem) {
    synchronized (this) {
      request = null;
      withdrawn = false;
      if (answer != null && closed) {
        answer.drop();
      } else {
        arrived = answer;
      }
      // Who made it be cancelled is told already.
      failure = problem instanceof RequestCancelledException ? null : problem;
      notifyAll();
    }
    state.execute(serving);
  }

  /** Serves one future. What hangs on it may wait for the others, so they are seen to before. */
  private void serve() {
    Next next = served();
    submit();
    if (hasMoreToServe()) {
      state.execute(serving);
    }
    if (next != null) {
      next.finish();
    }
  }

  private synchronized boolean hasMoreToServe() {
    // What a closed watch has left is an iterator's.
    boolean hasEvents = arrived != null || (!events.isEmpty() && !closed);
    return !waiting.isEmpty() && (hasEvents || failure != null);
  }

  /** The first future for which there is something, taken out of those that wait; null when there is none. */
  private synchronized Next served() {
    waiting.removeIf(CompletableFuture::isDone);
    Next next = waiting.peek();
    Throwable problem = failure;
    failure = null;
    if (next == null) {
      // Nobody may come for them, and what the library lent them in would stay.
      unpack();
      return null;
    }
    List<Event<byte[], byte[]>> taken = List.of();
    try {
      taken = take(next.most);
    } catch (RuntimeException | Error lack) {
      problem = lack;
    }
    if (!next.serve(taken, problem)) {
      return null;
    }
    return waiting.remove();
  }

  /** A future is completed by somebody else. Says whether it can be: what has its events already gives them. */
  private boolean withdraw(Next next) {
    LarderFuture<Answer> unwanted = null;
    synchronized (this) {
      if (next.isServed) {
        return false;
      }
      waiting.remove(next);
      if (waiting.isEmpty() && request instanceof LarderFuture<Answer> asked) {
        withdrawn = true;
        unwanted = asked;
      }
    }
    if (unwanted != null) {
      unwanted.withdraw();
    }
    return true;
  }

  /** A future of events. It is served under the inbox's lock, and completed without. */
  private final class Next extends CompletableFuture<List<Event<K, V>>> {
    final int most;
    boolean isServed;

    private List<Event<byte[], byte[]>> taken;
    private Throwable problem;

    Next(int most) {
      this.most = most;
    }

    /** Gives it events or else a problem, if there is any of them. */
    boolean serve(List<Event<byte[], byte[]>> newTaken, Throwable newProblem) {
      taken = newTaken;
      problem = newProblem;
      isServed = !taken.isEmpty() || problem != null;
      return isServed;
    }

    void finish() {
      if (taken.isEmpty()) {
        super.completeExceptionally(problem);
        return;
      }
      List<Event<K, V>> events;
      try {
        events = decoded(taken);
      } catch (RuntimeException | Error failed) {
        super.completeExceptionally(failed);
        return;
      }
      super.complete(events);
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      return withdraw(this) ? super.cancel(mayInterruptIfRunning) : isCancelled();
    }

    @Override
    public boolean complete(List<Event<K, V>> value) {
      return withdraw(this) && super.complete(value);
    }

    @Override
    public boolean completeExceptionally(Throwable failed) {
      return withdraw(this) && super.completeExceptionally(failed);
    }
  }
}
