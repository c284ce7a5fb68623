package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.text;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Nulls, wrong ranges, closes at any time, panics, many threads, garbage collections. */
class HarshUseTest {
  private static final byte[] KEY = bytes("k");

  /** Every operation of a store. */
  private static List<Consumer<Store>> operations() {
    return List.of(
        store -> store.get(KEY),
        store -> store.getInto(KEY, new byte[1]),
        store -> store.getEntry(KEY),
        store -> store.getAll(List.of(KEY)),
        store -> store.getEntries(List.of(KEY)),
        store -> store.contains(KEY),
        store -> store.put(KEY, KEY),
        store -> store.put(KEY, KEY, PutOptions.none().withMetadata("m", KEY)),
        store -> store.putAll(List.of(KeyValue.of(KEY, KEY))),
        store -> store.putIfAbsent(KEY, KEY),
        store -> store.replace(KEY, KEY, 1),
        store -> store.remove(KEY),
        store -> store.remove(KEY, 1),
        store -> store.removeAll(List.of(KEY)),
        store -> store.touch(KEY),
        store -> store.keys(ListOptions.all()),
        store -> store.keyEntries(ListOptions.all()),
        store -> store.list(ListOptions.all()),
        store -> store.cursor(ListOptions.all()),
        store -> store.clear(),
        store -> store.size(),
        store -> store.watch(WatchOptions.now()),
        store -> store.statistics(),
        Store::ping,
        Store::describe);
  }

  @Test
  void nullsAreRefusedByName() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      List<byte[]> withNull = Arrays.asList(KEY, null);
      List<Executable> calls = List.of(
          () -> Larder.open((String) null),
          () -> larder.store(null),
          () -> store.get(null),
          () -> store.getInto(null, KEY),
          () -> store.getInto(KEY, null),
          () -> store.getEntry(null),
          () -> store.getAll(null),
          () -> store.getAll(withNull),
          () -> store.getEntries(withNull),
          () -> store.contains(null),
          () -> store.put(null, KEY),
          () -> store.put(KEY, null),
          () -> store.put(KEY, KEY, (PutOptions) null),
          () -> store.put(KEY, KEY, (Duration) null),
          () -> store.putAll(null),
          () -> store.putAll(Arrays.asList(KeyValue.of(KEY, KEY), null)),
          () -> KeyValue.of(null, KEY),
          () -> store.putIfAbsent(KEY, null),
          () -> store.replace(null, KEY, 1),
          () -> store.remove(null),
          () -> store.removeAll(withNull),
          () -> store.touch(null),
          () -> store.keys(null),
          () -> store.list(null),
          () -> store.cursor(null),
          () -> store.watch(null),
          () -> store.watch(WatchOptions.now(), null),
          () -> store.events(null),
          () -> store.withTimeout(null),
          () -> store.async().get(null),
          () -> store.async().put(null, null),
          () -> store.typed(null, Codecs.string()),
          () -> store.typed(Codecs.string(), Codecs.string()).get(null),
          () -> PutOptions.none().withMetadata(null, KEY),
          () -> Larder.builder().executor(null));
      for (int index = 0; index < calls.size(); index++) {
        assertThrows(NullPointerException.class, calls.get(index), "call " + index);
      }
      assertNull(store.get(KEY), "a refused call leaves the slots as they were");
    }
  }

  @Test
  void numbersOutOfRangeAreRefusedByName() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      List<Executable> calls = List.of(
          () -> PutOptions.lifespan(Duration.ZERO),
          () -> PutOptions.maxIdle(Duration.ofMillis(-1)),
          () -> store.withTimeout(Duration.ZERO),
          () -> ListOptions.all().withOffset(-1),
          () -> ListOptions.all().withLimit(-1),
          () -> WatchOptions.now().withCapacity(-1),
          () -> store.cursor(ListOptions.all()).next(0),
          () -> store.watch(WatchOptions.now()).next(0, Duration.ZERO),
          () -> store.watch(WatchOptions.now()).next(1, Duration.ofMillis(-1)),
          () -> larder.close(Duration.ofMillis(-1)),
          () -> Larder.builder().maximumInFlight(0),
          () -> larder.store("default", "\ud800", null));
      for (int index = 0; index < calls.size(); index++) {
        InvalidArgumentException failure =
            assertThrows(InvalidArgumentException.class, calls.get(index), "call " + index);
        assertTrue(!failure.source().isEmpty());
      }
      store.put(KEY, KEY, Duration.ofSeconds(Long.MAX_VALUE));
      assertEquals("k", text(store.get(KEY)));
    }
  }

  @Test
  void namesThatAreNotUtf8AreRefusedByTheNatives() {
    NativeLibrary.load();
    byte[] wrong = {(byte) 0xc3, 0x28};
    assertEquals(Status.INVALID_ARGUMENT, new Answer(Native.openLarder(wrong), 0).status());
    assertEquals(Status.CONFIG, new Answer(Native.openLarder(new byte[0]), 0).status());
    assertEquals(Status.INVALID_ARGUMENT, new Answer(Native.openLarder(null), 0).status());
    assertEquals(Status.INVALID_ARGUMENT, new Answer(Native.openStore(0, wrong, null, null), 0).status());
  }

  @Test
  void requestsThatAreGarbageAreRefusedByTheNatives() {
    NativeLibrary.load();
    java.util.Random random = new java.util.Random(3);
    for (int round = 0; round < 2000; round++) {
      byte[] request = new byte[random.nextInt(200)];
      random.nextBytes(request);
      if (request.length > 4) {
        java.nio.ByteBuffer.wrap(request).order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(0, random.nextInt(20));
      }
      // No handle: whatever the bytes say, nothing can be carried out.
      assertTrue(new Answer(Native.call(0, request, null), 0).status().isError());
    }
    assertEquals(-5, Native.peek(0, -1, 0));
    assertEquals(-5, Native.peek(0, 64, 0));
    assertEquals(-5, Native.peek(0, 0, -1));
    assertEquals(-5, Native.peek(0, 0, Slots.PART + 1));
    assertEquals(Native.FAILED, Native.peek(0, 0, 0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "noop", "fault"})
  void everyCallAfterACloseSaysClosed(String type) {
    Larder larder = Larder.open(type + "://");
    Store store = larder.store();
    Store other = larder.store();
    store.close();
    store.close();
    for (Consumer<Store> operation : operations()) {
      assertThrows(ClosedException.class, () -> operation.accept(store));
      assertDoesNotThrow(() -> operation.accept(other));
    }
    other.put(KEY, KEY);
    Cursor<byte[], byte[]> cursor = other.cursor(ListOptions.all());
    Watch<byte[], byte[]> watch = other.watch(WatchOptions.now());
    larder.close();
    larder.close();
    assertTrue(larder.isClosed());
    for (Consumer<Store> operation : operations().subList(0, operations().size() - 1)) {
      assertThrows(ClosedException.class, () -> operation.accept(other));
    }
    assertThrows(ClosedException.class, () -> larder.store());
    assertThrows(ClosedException.class, () -> cursor.next(1));
    assertThrows(ClosedException.class, watch::take);
    Support.failure(ClosedException.class, other.async().get(KEY));
    watch.close();
    cursor.close();
    cursor.close();
    other.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void aPanicInAnyCallIsAnExceptionAndTheStoreGoesOn(String type) {
    try (Larder larder = Larder.open(type + "://")) {
      Store store = larder.store();
      int index = 0;
      for (Consumer<Store> operation : operations()) {
        int number = index++;
        Native.armPanic();
        LarderException failure =
            assertThrows(LarderException.class, () -> operation.accept(store), () -> "operation " + number);
        assertEquals(Status.PANIC, failure.status());
        assertDoesNotThrow(() -> operation.accept(store), () -> "operation " + number);
      }
      Native.armPanic();
      assertEquals(Status.PANIC, assertThrows(LarderException.class, () -> Larder.open("memory://")).status());
      Native.armPanic();
      assertEquals(Status.PANIC, assertThrows(LarderException.class, () -> larder.store()).status());
      Native.armPanic();
      assertEquals(Status.PANIC, assertThrows(LarderException.class, larder::describe).status());
    }
  }

  @Test
  void aPanicInATaskIsAnException() {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store();
      assertEquals(Status.PANIC, assertThrows(LarderException.class, () -> store.get(bytes("panic:"))).status());
      LarderException failure = Support.failure(LarderException.class, store.async().get(bytes("panic:")));
      assertEquals(Status.PANIC, failure.status());
    }
  }

  @Test
  void everyErrorStatusHasItsException() {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store();
      for (Status status : Status.values()) {
        if (!status.isError()) {
          continue;
        }
        LarderException failure =
            assertThrows(LarderException.class, () -> store.get(bytes("error:" + status + ":")));
        assertEquals(status, failure.status());
        assertEquals(status.isRetryable(), failure.isRetryable());
        assertEquals("fault", failure.source());
      }
      assertEquals(Status.INTERNAL, Status.of(-9999));
      assertEquals(Status.UNKNOWN, Status.of(9999));
    }
  }

  @Test
  void aDeadlineEndsACallThatIsNeverAnswered() {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store().withTimeout(Duration.ofMillis(50));
      DeadlineException failure = assertThrows(DeadlineException.class, () -> store.get(bytes("never:")));
      assertTrue(failure.isRetryable());
      Support.failure(DeadlineException.class, store.async().get(bytes("never:")));
    }
  }

  @Test
  void aCloseEndsCallsThatWait() throws Exception {
    Larder larder = Larder.open("fault://");
    Store store = larder.store();
    CountDownLatch ended = new CountDownLatch(4);
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    for (int index = 0; index < 4; index++) {
      Thread thread = new Thread(() -> {
        try {
          store.get(bytes("never:"));
        } catch (ClosedException closed) {
          ended.countDown();
        } catch (Throwable other) {
          failures.add(other);
        }
      });
      thread.setDaemon(true);
      thread.start();
    }
    Thread.sleep(100);
    larder.close();
    assertTrue(ended.await(60, java.util.concurrent.TimeUnit.SECONDS), () -> "not all ended: " + failures);
  }

  @Test
  void closesThatRaceWithCallsNeverCrash() throws Exception {
    for (int round = 0; round < 30; round++) {
      Larder larder = Larder.open(round % 2 == 0 ? "memory://" : "fault://");
      Store store = larder.store();
      ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int index = 0; index < 4; index++) {
        Thread thread = new Thread(() -> {
          try {
            while (true) {
              for (Consumer<Store> operation : operations()) {
                operation.accept(store);
              }
              store.async().get(KEY);
            }
          } catch (ClosedException | AmbiguousException end) {
            // What is expected: a write of many records that was under way may have happened.
          } catch (Throwable other) {
            failures.add(other);
          }
        });
        thread.start();
        threads.add(thread);
      }
      Thread.sleep(5);
      larder.close();
      for (Thread thread : threads) {
        thread.join(60_000);
        assertTrue(!thread.isAlive(), "a call did not end");
      }
      assertTrue(failures.isEmpty(), () -> "failures: " + failures);
    }
  }

  @Test
  void aHundredThousandShortLivedThreadsRead() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      store.put(KEY, bytes("v"));
      AtomicLong reads = new AtomicLong();
      for (int batch = 0; batch < 1000; batch++) {
        Thread[] threads = new Thread[100];
        for (int index = 0; index < threads.length; index++) {
          threads[index] = new Thread(null, () -> reads.addAndGet(store.get(KEY).length), "reader", 128 << 10);
          threads[index].start();
        }
        for (Thread thread : threads) {
          thread.join();
        }
      }
      assertEquals(100_000, reads.get());
    }
  }

  @Test
  void threadsThatShareASlotNeverMixTheirAnswers() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      // More threads than slots, so that some share one.
      for (int number = 0; number < 150; number++) {
        byte[] key = bytes("key of " + number);
        byte[] value = bytes("value of " + number + "x".repeat(number));
        Thread thread = new Thread(() -> {
          try {
            for (int round = 0; round < 300; round++) {
              store.put(key, value);
              assertEquals(text(value), text(store.get(key)));
              assertEquals(text(value), text(store.getAll(List.of(key)).get(0)));
              assertEquals(text(value), text(store.getEntry(key).orElseThrow().value()));
            }
          } catch (Throwable failure) {
            failures.add(failure);
          }
        });
        threads.add(thread);
      }
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
      assertTrue(failures.isEmpty(), () -> "failures: " + failures);
    }
  }

  @Test
  void garbageCollectionsInTheMiddleOfCallsFreeNothingThatIsUsed() throws Exception {
    AtomicLong stop = new AtomicLong();
    Thread collector = new Thread(() -> {
      while (stop.get() == 0) {
        System.gc();
      }
    });
    collector.setDaemon(true);
    collector.start();
    try {
      for (int round = 0; round < 300; round++) {
        // Nothing but the call itself keeps these reachable.
        byte[] value = new byte[round * 100];
        Larder.open("memory://").store().put(KEY, value);
        assertEquals(0, Larder.open("memory://").store().size());
        Store store = Larder.open("fault://").store();
        store.put(KEY, value);
        assertEquals(value.length, store.async().get(KEY).join().length);
        assertEquals(1, store.cursor(ListOptions.all()).next(1).size());
        assertEquals(1, store.watch(WatchOptions.existing()).next(1, Duration.ofSeconds(60)).size());
      }
    } finally {
      stop.set(1);
      collector.join();
    }
  }

  @Test
  void aLarderThatIsForgottenIsClosed() throws Exception {
    forget();
    Support.await("the dispatcher of a forgotten larder ends", () -> {
      System.gc();
      return dispatcher() == null;
    });
  }

  private static void forget() throws Exception {
    Store store = Larder.open("fault://").store();
    Support.get(store.async().put(KEY, KEY));
    assertTrue(dispatcher() != null);
  }

  private static Thread dispatcher() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("larder-dispatch") && thread.isAlive())
        .findFirst()
        .orElse(null);
  }
}
