package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.get;
import static io.larder.Support.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Futures: each completes once, whatever users and closes do. */
class AsyncStoreTest {
  private static final byte[] NEVER = bytes("never:k");

  @Test
  void futuresInFlightFailWhenTheLarderIsClosed() throws Exception {
    Larder larder = Larder.open("fault://");
    List<CompletableFuture<byte[]>> futures = new ArrayList<>();
    for (int index = 0; index < 1000; index++) {
      futures.add(larder.store().async().get(NEVER));
    }
    assertEquals(1000, larder.inFlight());
    larder.close();
    for (CompletableFuture<byte[]> future : futures) {
      assertEquals(Status.CLOSED, Support.failure(ClosedException.class, future).status());
    }
    assertEquals(0, larder.inFlight());
  }

  @Test
  void futuresInFlightFailWhenTheStoreIsClosed() {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store();
      CompletableFuture<byte[]> future = store.async().get(NEVER);
      store.close();
      Support.failure(ClosedException.class, future);
    }
  }

  @Test
  void tenThousandFuturesWaitOnFewThreads() throws Exception {
    try (Larder larder = Larder.open("fault://")) {
      AsyncStore store = larder.store().async();
      get(store.put(bytes("k"), bytes("v")));
      long before = threads();
      List<CompletableFuture<byte[]>> futures = new ArrayList<>();
      for (int index = 0; index < 10_000; index++) {
        futures.add(store.get(bytes("never:" + index)));
      }
      assertEquals("v", text(get(store.get(bytes("k")))));
      assertEquals(10_000, larder.inFlight());
      assertTrue(threads() <= 50, () -> "there are threads: " + names());
      assertTrue(threads() - before < 5, () -> "threads were added to " + before + ": " + names());
      futures.forEach(future -> future.cancel(false));
      Support.await("all are cancelled", () -> larder.inFlight() == 0);
      assertTrue(futures.stream().allMatch(CompletableFuture::isCancelled));
    }
  }

  @Test
  void valuesTooLongForOnePieceAreReadTogether() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      byte[] small = bytes("v");
      byte[] large = new byte[100_000];
      new Random(1).nextBytes(large);
      store.put(bytes("small"), small);
      store.put(bytes("large"), large);
      store.put(bytes("empty"), new byte[0]);
      List<byte[]> keys = Stream.of("large", "none", "small", "empty", "large").map(Support::bytes).toList();
      for (List<byte[]> values : List.of(store.getAll(keys), get(store.async().getAll(keys)))) {
        assertEquals(keys.size(), values.size());
        assertArrayEquals(large, values.get(0));
        assertNull(values.get(1));
        assertArrayEquals(small, values.get(2));
        assertEquals(0, values.get(3).length);
        assertArrayEquals(large, values.get(4));
      }
    }
  }

  /** Threads of the process, of Java and of the library. */
  private static long threads() throws IOException {
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks.count();
    }
  }

  private static List<String> names() {
    return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).toList();
  }

  @Test
  void aCancelledFutureCancelsTheRequest() throws Exception {
    try (Larder larder = Larder.open("fault://")) {
      CompletableFuture<byte[]> future = larder.store().async().get(NEVER);
      assertTrue(future.cancel(true));
      assertThrows(CancellationException.class, future::join);
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
      CompletableFuture<byte[]> late = larder.store().async().get(NEVER).orTimeout(20, TimeUnit.MILLISECONDS);
      Support.failure(TimeoutException.class, late);
      CompletableFuture<byte[]> completed = larder.store().async().get(NEVER);
      assertTrue(completed.complete(bytes("mine")));
      assertEquals("mine", text(completed.join()));
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
      TypedStore<String, String> typed = larder.store().typed(Codecs.string(), Codecs.string());
      assertTrue(typed.async().get("never:").cancel(true));
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
    }
  }

  @Test
  void cancelsThatRaceWithAnswersLeaveNothingBehind() throws Exception {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store();
      store.put(bytes("large"), new byte[1 << 20]);
      AtomicInteger cancelled = new AtomicInteger();
      AtomicInteger answered = new AtomicInteger();
      for (int round = 0; round < 3000; round++) {
        CompletableFuture<byte[]> future = store.async().get(bytes(round % 50 == 0 ? "large" : "k"));
        if (round % 3 == 0) {
          Thread.onSpinWait();
        }
        if (round % 7 == 0) {
          Thread.sleep(0, 50_000);
        }
        if (future.cancel(true)) {
          cancelled.incrementAndGet();
        } else {
          answered.incrementAndGet();
          future.join();
        }
      }
      assertEquals(3000, cancelled.get() + answered.get());
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
      assertEquals(1 << 20, get(store.async().get(bytes("large"))).length);
    }
  }

  @Test
  void aContinuationThatThrowsOrBlocksStopsNobodyElse() throws Exception {
    try (Larder larder = Larder.open("fault://?delay=10ms")) {
      AsyncStore store = larder.store().async();
      CountDownLatch release = new CountDownLatch(1);
      CountDownLatch blocked = new CountDownLatch(3);
      for (int index = 0; index < 3; index++) {
        store.get(bytes("k")).thenRun(() -> {
          blocked.countDown();
          try {
            release.await();
          } catch (InterruptedException end) {
            Thread.currentThread().interrupt();
          }
        });
        store.get(bytes("k")).thenRun(() -> {
          throw new IllegalStateException("on purpose");
        });
        store.get(bytes("k")).thenRun(() -> {
          throw new StackOverflowError("on purpose");
        });
      }
      assertTrue(blocked.await(60, TimeUnit.SECONDS));
      for (int index = 0; index < 100; index++) {
        get(store.put(bytes("k"), bytes("v")));
        assertEquals("v", text(get(store.get(bytes("k")))));
      }
      release.countDown();
    }
  }

  @Test
  void anExecutorThatRefusesDoesNotLoseACompletion() throws Exception {
    LarderBuilder builder = Larder.builder().config("fault://").executor(task -> {
      throw new RejectedExecutionException("on purpose");
    });
    try (Larder larder = builder.open()) {
      get(larder.store().async().put(bytes("k"), bytes("v")));
    }
  }

  @Test
  void continuationsRunInTheUsersExecutor() throws Exception {
    try (Larder larder = Larder.builder().config("fault://?delay=50ms").executor(task -> {
      Thread thread = new Thread(task, "mine");
      thread.start();
    }).open()) {
      CompletableFuture<String> name =
          larder.store().async().get(bytes("k")).thenApply(value -> Thread.currentThread().getName());
      assertEquals("mine", get(name));
    }
  }

  @Test
  void aBlockingCallInsideAContinuationWorks() throws Exception {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store();
      store.put(bytes("k"), bytes("v"));
      assertEquals("v", text(get(store.async().get(bytes("k")).thenApply(value -> store.get(bytes("k"))))));
    }
  }

  @Test
  void tooManyInFlightAreRefused() {
    try (Larder larder = Larder.builder().config("fault://").maximumInFlight(2).open()) {
      AsyncStore store = larder.store().async();
      store.get(NEVER);
      store.get(NEVER);
      BusyException failure = Support.failure(BusyException.class, store.get(NEVER));
      assertTrue(failure.isRetryable());
    }
  }

  @Test
  void anImmediateStoresFuturesAreCompleteAtOnce() {
    Larder larder = Larder.open("memory://");
    AsyncStore store = larder.store().async();
    assertTrue(store.put(bytes("k"), bytes("v")).isDone());
    assertEquals("v", text(store.get(bytes("k")).getNow(null)));
    larder.close();
    assertTrue(store.get(bytes("k")).isCompletedExceptionally());
  }

  @Test
  void manyFuturesFromManyThreadsAllComplete() throws Exception {
    try (Larder larder = Larder.open("fault://")) {
      AsyncStore store = larder.store().async();
      List<CompletableFuture<?>> all = java.util.Collections.synchronizedList(new ArrayList<>());
      Thread[] threads = new Thread[4];
      for (int number = 0; number < threads.length; number++) {
        byte[] key = bytes("k" + number);
        threads[number] = new Thread(() -> {
          for (int index = 0; index < 5000; index++) {
            all.add(index % 2 == 0 ? store.put(key, key) : store.get(key));
          }
        });
        threads[number].start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
      get(CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)));
      assertEquals(20_000, all.size());
    }
  }
}
