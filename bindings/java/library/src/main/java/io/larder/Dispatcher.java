package io.larder;

import java.lang.ref.Reference;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Submits requests to a native queue, and completes their futures.
 *
 * <p>One daemon thread blocks in the native that drains completions, and does nothing but hand each to the executor, so
 * that no continuation of a user can hold it up. Only what the executor throws back, for a lack of threads or memory, it
 * completes itself. Each pending request keeps its larder and store reachable. The thread ends when the queue is closed.
 */
final class Dispatcher implements Runnable {
  private static final int BATCH = 256;
  private static final int ID = 8;

  private final Handle queue;
  private final Executor executor;
  private final ConcurrentHashMap<Long, Pending<?>> pending = new ConcurrentHashMap<>();
  private final AtomicLong ids = new AtomicLong();

  private Dispatcher(Handle queue, Executor executor) {
    this.queue = queue;
    this.executor = executor;
  }

  static Dispatcher start(int capacity, Executor executor) {
    long pointer = Answer.checked(Native.openQueue(capacity)).number();
    Dispatcher dispatcher = new Dispatcher(new Handle(pointer, null, Native::freeQueue), executor);
    Thread thread = new Thread(null, dispatcher, "larder-dispatch", 0, false);
    thread.setContextClassLoader(null);
    thread.setDaemon(true);
    thread.start();
    return dispatcher;
  }

  <T> CompletableFuture<T> submit(Call<T> call) {
    return submit(call, executor);
  }

  /** As {@link #submit(Call)}, completed by an executor of its own; what runs on this one's thread must not block. */
  <T> CompletableFuture<T> submit(Call<T> call, Executor completer) {
    long id = ids.incrementAndGet();
    LarderFuture<T> future = new LarderFuture<>(this, id);
    pending.put(id, new Pending<>(id, future, call, completer));
    byte[] refusal;
    try {
      refusal = Native.submit(queue.pointer, id, call.target().pointer, call.request(), call.value());
    } catch (OutOfMemoryError lack) {
      pending.remove(id);
      throw lack;
    } finally {
      Reference.reachabilityFence(call.target());
      Reference.reachabilityFence(queue);
    }
    if (refusal != null) {
      pending.remove(id);
      future.fail(new Answer(refusal, 0).error());
    }
    return future;
  }

  void cancel(long id) {
    if (!pending.containsKey(id)) {
      return;
    }
    try {
      Native.cancel(queue.pointer, id);
    } finally {
      Reference.reachabilityFence(queue);
    }
  }

  long inFlight() {
    try {
      return Native.inFlight(queue.pointer);
    } finally {
      Reference.reachabilityFence(queue);
    }
  }

  /** Completes what is in flight with a {@link ClosedException}, and ends the thread. */
  void close() {
    try {
      Answer.checked(Native.closeQueue(queue.pointer));
    } finally {
      Reference.reachabilityFence(queue);
    }
  }

  @Override
  public void run() {
    while (true) {
      byte[] batch;
      try {
        batch = Native.drain(queue.pointer, BATCH, -1);
      } catch (OutOfMemoryError lack) {
        // The library keeps what it could not deliver for the next call.
        Thread.yield();
        continue;
      }
      if (batch == null) {
        break;
      }
      deliver(batch);
    }
    Reference.reachabilityFence(queue);
  }

  private void deliver(byte[] batch) {
    int place = 0;
    while (place < batch.length) {
      Answer answer;
      Pending<?> request;
      try {
        answer = new Answer(batch, place + ID);
        request = pending.get(answer.before());
      } catch (OutOfMemoryError lack) {
        // Nothing was taken yet: the same one again.
        Thread.yield();
        continue;
      }
      place += ID + answer.length();
      deliver(request, answer);
    }
  }

  private void deliver(Pending<?> request, Answer answer) {
    if (request == null) {
      answer.drop();
      return;
    }
    request.arrived.set(answer);
    try {
      request.completer.execute(request);
    } catch (Throwable refused) {
      // Whatever it is, it must end neither this thread nor what else came: nobody would complete the others.
      request.runHere();
    }
  }

  /**
   * A request in flight, and the task that completes it; the call keeps its target reachable. An executor that threw may
   * have taken the task all the same: of those that run it one completes the request, and the others do nothing.
   */
  private final class Pending<T> implements Runnable {
    /** The answer that nobody has taken yet. */
    final AtomicReference<Answer> arrived = new AtomicReference<>();

    final Executor completer;

    private final long id;
    private final LarderFuture<T> future;
    private final Call<T> call;

    Pending(long id, LarderFuture<T> future, Call<T> call, Executor completer) {
      this.id = id;
      this.future = future;
      this.call = call;
      this.completer = completer;
    }

    @Override
    public void run() {
      Answer answer = arrived.getAndSet(null);
      if (answer == null) {
        return;
      }
      try {
        pending.remove(id);
      } finally {
        complete(answer);
      }
    }

    /** As {@link #run}, for a thread that nothing may end. */
    void runHere() {
      try {
        run();
      } catch (Throwable failure) {
        // It is of this request alone, and there is nobody to tell.
      }
    }

    private void complete(Answer answer) {
      T result;
      try {
        answer.check();
        result = call.reader().apply(answer);
      } catch (RuntimeException | Error failure) {
        future.fail(failure);
        return;
      }
      future.succeed(result);
    }
  }
}
