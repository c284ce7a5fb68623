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

  /**
   * An executor that uses the pool for what the given one refuses, and the calling thread for what the pool has no thread
   * or memory for: a future must complete all the same. It throws only what a task throws.
   *
   * <p>An executor may keep a task and throw, as pools do that cannot start a further thread. So a task may run twice, and
   * at the same time; it has to do nothing the second time.
   */
  static Executor reliable(Executor executor) {
    if (executor == POOL) {
      return Callbacks::executeInPool;
    }
    return task -> {
      try {
        executor.execute(task);
      } catch (RuntimeException | Error refused) {
        executeInPool(task);
      }
    };
  }

  private static void executeInPool(Runnable task) {
    try {
      POOL.execute(task);
    } catch (RuntimeException | Error refused) {
      task.run();
    }
  }

  private static ForkJoinWorkerThread thread(ForkJoinPool pool) {
    ForkJoinWorkerThread thread = ForkJoinPool.defaultForkJoinWorkerThreadFactory.newThread(pool);
    thread.setName("larder-callback-" + NUMBER.incrementAndGet());
    return thread;
  }
}
