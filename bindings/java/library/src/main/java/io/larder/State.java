package io.larder;

import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/** What a larder and its stores share. */
final class State {
  final Handle handle;

  private final Executor executor;
  private final int maximumInFlight;
  private final Runnable logUse;
  private Dispatcher dispatcher;
  private boolean closed;

  private State(Handle handle, Executor executor, int maximumInFlight, Runnable logUse) {
    this.handle = handle;
    this.executor = Callbacks.reliable(executor);
    this.maximumInFlight = maximumInFlight;
    this.logUse = logUse;
  }

  static State open(String config, Executor executor, int maximumInFlight) {
    NativeLibrary.load();
    LogUse logUse = new LogUse(new AtomicBoolean());
    LogDrain.acquire();
    try {
      byte[] bytes = config.getBytes(StandardCharsets.UTF_8);
      Handle handle = new Handle(Answer.checked(Native.openLarder(bytes)).number(), null, Native::freeLarder);
      Handle.CLEANER.register(handle, logUse);
      return new State(handle, executor, maximumInFlight, logUse);
    } catch (RuntimeException | Error failure) {
      logUse.run();
      throw failure;
    }
  }

  <T> CompletableFuture<T> submit(Call<T> call) {
    return submit(call, executor);
  }

  /** As {@link #submit(Call)}, completed by an executor of its own. */
  <T> CompletableFuture<T> submit(Call<T> call, Executor completer) {
    Dispatcher open;
    try {
      open = dispatcher();
    } catch (LarderException failure) {
      return CompletableFuture.failedFuture(failure);
    }
    return open.submit(call, completer);
  }

  /** Runs a task where futures are completed. */
  void execute(Runnable task) {
    executor.execute(task);
  }

  long inFlight() {
    Dispatcher started;
    synchronized (this) {
      started = dispatcher;
    }
    return started == null ? 0 : started.inFlight();
  }

  private synchronized Dispatcher dispatcher() {
    if (dispatcher == null) {
      if (closed) {
        throw new ClosedException("larder", "it was closed; open it anew to go on");
      }
      dispatcher = Dispatcher.start(maximumInFlight, executor);
      // Only when nothing is in flight: what is in flight keeps the handle reachable.
      Handle.CLEANER.register(handle, dispatcher::close);
    }
    return dispatcher;
  }

  synchronized boolean isClosed() {
    return closed;
  }

  void close(long waitMs) {
    Dispatcher started;
    synchronized (this) {
      closed = true;
      started = dispatcher;
    }
    try {
      Answer.checked(Native.closeLarder(handle.pointer, waitMs));
    } finally {
      Reference.reachabilityFence(handle);
      if (started != null) {
        started.close();
      }
      logUse.run();
    }
  }

  private record LogUse(AtomicBoolean isOver) implements Runnable {
    @Override
    public void run() {
      if (isOver.compareAndSet(false, true)) {
        LogDrain.release();
      }
    }
  }
}
