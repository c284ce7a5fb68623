package io.larder;

import java.lang.ref.Cleaner;
import java.util.function.LongConsumer;

/**
 * A pointer to something native. It is freed when the handle is unreachable and never before, so that no call can meet
 * freed memory, whatever closes run meanwhile. Whoever passes the pointer to a native calls
 * {@link java.lang.ref.Reference#reachabilityFence} on the handle afterwards.
 */
final class Handle {
  static final Cleaner CLEANER = Cleaner.create();

  final long pointer;

  /** What has to live as long as this: a store's larder, a cursor's store. */
  @SuppressWarnings("unused")
  private final Handle parent;

  Handle(long pointer, Handle parent, LongConsumer free) {
    this.pointer = pointer;
    this.parent = parent;
    CLEANER.register(this, new Free(pointer, free));
  }

  private record Free(long pointer, LongConsumer free) implements Runnable {
    @Override
    public void run() {
      free.accept(pointer);
    }
  }
}
