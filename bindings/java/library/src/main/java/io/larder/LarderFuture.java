package io.larder;

import java.util.concurrent.CompletableFuture;

/**
 * The future of a request. Whoever completes it first wins; when that is not the library, the request is cancelled, so
 * that it does not go on for nobody.
 */
final class LarderFuture<T> extends CompletableFuture<T> {
  private final Dispatcher dispatcher;
  private final long id;

  LarderFuture(Dispatcher dispatcher, long id) {
    this.dispatcher = dispatcher;
    this.id = id;
  }

  boolean succeed(T answer) {
    return super.complete(answer);
  }

  /** Fails it, also when there is no memory for that just now: a future that nobody completes hangs. */
  boolean fail(Throwable failure) {
    while (true) {
      try {
        return super.completeExceptionally(failure);
      } catch (OutOfMemoryError lack) {
        Thread.yield();
      }
    }
  }

  /** Has the library cancel the request, and completes with what comes of that: also with the answer, if that was first. */
  void withdraw() {
    dispatcher.cancel(id);
  }

  @Override
  public boolean cancel(boolean mayInterruptIfRunning) {
    boolean cancelled = super.cancel(mayInterruptIfRunning);
    dispatcher.cancel(id);
    return cancelled;
  }

  @Override
  public boolean complete(T value) {
    boolean completed = super.complete(value);
    dispatcher.cancel(id);
    return completed;
  }

  @Override
  public boolean completeExceptionally(Throwable failure) {
    boolean completed = super.completeExceptionally(failure);
    dispatcher.cancel(id);
    return completed;
  }
}
