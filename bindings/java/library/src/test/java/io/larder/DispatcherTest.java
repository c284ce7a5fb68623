package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.get;
import static io.larder.Support.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Completions where threads cannot be had, or an executor takes a task and says that it did not. */
class DispatcherTest {
  private static final OutOfMemoryError NO_THREAD = new OutOfMemoryError("unable to create native thread: on purpose");

  @Test
  void everyRequestCompletesWhereNoThreadIsToBeHad() throws Exception {
    Handle larder = new Handle(
        Answer.checked(Native.openLarder(bytes("fault://"))).number(), null, Native::freeLarder);
    Handle store = new Handle(
        Answer.checked(Native.openStore(larder.pointer, bytes("default"), null, null)).number(),
        larder,
        Native::freeStore);
    AtomicInteger refused = new AtomicInteger();
    Dispatcher dispatcher = Dispatcher.start(0, task -> {
      if (refused.incrementAndGet() % 2 == 1) {
        throw NO_THREAD;
      }
      Callbacks.pool().execute(task);
    });
    try {
      Calls calls = new Calls(null, store, 0);
      for (int round = 0; round < 10; round++) {
        List<CompletableFuture<Void>> futures = new ArrayList<>();
        for (int index = 0; index < 100; index++) {
          futures.add(dispatcher.submit(calls.ping()));
        }
        get(CompletableFuture.allOf(futures.toArray(CompletableFuture[]::new)));
      }
      assertEquals(1000, refused.get());
    } finally {
      dispatcher.close();
    }
  }

  @Test
  void anAnswerIsReadOnceByWhomeverAnExecutorGivesIt() throws Exception {
    ConcurrentLinkedQueue<Runnable> kept = new ConcurrentLinkedQueue<>();
    AtomicInteger decoded = new AtomicInteger();
    Codec<String> counting = new Codec<>() {
      @Override
      public byte[] encode(String value) {
        return bytes(value);
      }

      @Override
      public String decode(byte[] encoded) {
        decoded.incrementAndGet();
        return text(encoded);
      }
    };
    // As a pool does that queues the task, and then cannot start the thread that it wants for it.
    LarderBuilder builder = Larder.builder().config("fault://").executor(task -> {
      kept.add(task);
      throw NO_THREAD;
    });
    try (Larder larder = builder.open()) {
      TypedStore<String, String> store = larder.store().typed(Codecs.string(), counting);
      store.put("k", "v");
      for (int round = 0; round < 20; round++) {
        assertEquals("v", get(store.async().get("k")));
      }
      assertEquals(20, kept.size());
      kept.forEach(Runnable::run);
      assertEquals(20, decoded.get());
    }
  }

  @Test
  void aFutureOfALongValueIsReadOnceToo() throws Exception {
    ConcurrentLinkedQueue<Runnable> kept = new ConcurrentLinkedQueue<>();
    LarderBuilder builder = Larder.builder().config("fault://").executor(task -> {
      kept.add(task);
      throw NO_THREAD;
    });
    try (Larder larder = builder.open()) {
      Store store = larder.store();
      store.put(bytes("long"), new byte[1 << 20]);
      // The library frees its part of a long value when it is taken: twice would end the process.
      for (int round = 0; round < 20; round++) {
        assertEquals(1 << 20, get(store.async().get(bytes("long"))).length);
        kept.forEach(Runnable::run);
      }
      assertTrue(kept.size() >= 20);
    }
  }
}
