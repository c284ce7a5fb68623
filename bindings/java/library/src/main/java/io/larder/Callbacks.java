package io.larder;

import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Where futures are completed unless the user says otherwise: a pool of daemon threads that are made when they are needed
 * and end when they are not. It is not the common pool, whose few threads a blocked continuation, of Larder's user or of
 * somebody else, would hold up.
 */
final class Callbacks {
  private static final int THREADS = 16;
  private static final AtomicInteger NUMBER = new AtomicInteger();
  private static final ForkJoinPool POOL =
      new ForkJoinPool(
          THREADS, Callbacks::thread, null, true, 0, THREADS, 0, pool -> true, 10, TimeUnit.SECONDS);

  private Callbacks() {}

  static Executor pool() {
    return POOL;
  }

  /** An executor that uses the pool for what the given one refuses: a future must complete all the same. */
  static Executor reliable(Executor executor) {
    if (executor == POOL) {
      return POOL;
    }
    return task -> {
      try {
        executor.execute(task);
      } catch (RuntimeException | Error refused) {
        POOL.execute(task);
      }
    };
  }

  private static ForkJoinWorkerThread thread(ForkJoinPool pool) {
    ForkJoinWorkerThread thread = ForkJoinPool.defaultForkJoinWorkerThreadFactory.newThread(pool);
    thread.setName("larder-callback-" + NUMBER.incrementAndGet());
    return thread;
  }
}
