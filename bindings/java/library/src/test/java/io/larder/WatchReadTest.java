package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.get;
import static io.larder.Support.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A watch's events, read in one way and then in another, by futures that nobody waits for to the end too. */
class WatchReadTest {
  private static final int EVENTS = 20_000;

  @Test
  void whatAnIteratorFoundIsGivenByWhateverReadsNext() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      put(store, 0, 10);
      Iterator<Event<byte[], byte[]>> events = watch.iterator();
      assertTrue(events.hasNext());
      assertTrue(events.hasNext());
      List<String> keys = new ArrayList<>(keys(watch.next(2, Duration.ofSeconds(60))));
      keys.addAll(keys(List.of(watch.take())));
      keys.addAll(keys(get(watch.nextAsync(2))));
      keys.addAll(keys(List.of(events.next())));
      keys.addAll(keys(watch.next(100, Duration.ZERO)));
      assertEquals(numbers(0, 10), keys);
      assertEquals(List.of(), watch.next(100, Duration.ZERO));
    }
  }

  @Test
  void aClosedWatchGivesNothingButWhatAnIteratorHasPromised() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      put(store, 0, 10);
      Iterator<Event<byte[], byte[]>> events = watch.iterator();
      assertTrue(events.hasNext());
      watch.close();
      assertThrows(ClosedException.class, watch::take);
      assertThrows(ClosedException.class, () -> watch.next(1, Duration.ZERO));
      Support.failure(ClosedException.class, watch.nextAsync(1));
      assertTrue(events.hasNext());
      assertEquals("0", text(events.next().entry().orElseThrow().key()));
      assertFalse(events.hasNext());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cancel", "time", "complete"})
  void aFutureThatIsGivenUpLeavesItsEventsToTheNextRead(String how) throws Exception {
    ConcurrentLinkedQueue<Runnable> kept = new ConcurrentLinkedQueue<>();
    try (Larder larder = Larder.builder().config("memory://").executor(kept::add).open()) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      for (int round = 0; round < 10; round++) {
        CompletableFuture<List<Event<byte[], byte[]>>> future = watch.nextAsync(10);
        put(store, 0, 2);
        Support.await("its events are there", () -> !kept.isEmpty());
        giveUp(future, how);
        put(store, 2, 4);
        boolean isLate = round % 2 == 0;
        if (!isLate) {
          run(kept);
        }
        List<String> keys = new ArrayList<>();
        CompletableFuture<List<Event<byte[], byte[]>>> next = watch.nextAsync(1);
        Support.await("the next came", () -> run(kept) && next.isDone());
        keys.addAll(keys(next.join()));
        while (keys.size() < 4) {
          keys.addAll(keys(watch.next(10, Duration.ofSeconds(60))));
        }
        assertEquals(numbers(0, 4), keys);
        run(kept);
      }
    }
  }

  @Test
  void aReadThatBlocksNeedsNoThreadOfTheExecutorForWhatAFutureLeft() throws Exception {
    ConcurrentLinkedQueue<Runnable> kept = new ConcurrentLinkedQueue<>();
    try (Larder larder = Larder.builder().config("memory://").executor(kept::add).open()) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      for (int round = 0; round < 1000; round++) {
        CompletableFuture<List<Event<byte[], byte[]>>> future = watch.nextAsync(10);
        put(store, round, round + 1);
        future.cancel(true);
        assertEquals(numbers(round, round + 1), keys(List.of(watch.take())));
        kept.clear();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void cancelsThatRaceWithEventsLoseNoneAndKeepTheirOrder(String type) throws Exception {
    try (Larder larder = Larder.open(type + "://")) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      Thread writer = new Thread(() -> put(store, 0, EVENTS));
      writer.start();
      List<String> keys = new ArrayList<>();
      int cancelled = 0;
      for (int round = 0; keys.size() < EVENTS; round++) {
        CompletableFuture<List<Event<byte[], byte[]>>> future = watch.nextAsync(3);
        if (round % 2 == 0) {
          IntStream.range(0, round % 512).forEach(turn -> Thread.onSpinWait());
          if (future.cancel(true)) {
            cancelled++;
            if (round % 3 == 0) {
              keys.addAll(keys(watch.next(2, Duration.ZERO)));
            }
            continue;
          }
        }
        keys.addAll(keys(get(future)));
      }
      writer.join();
      assertEquals(numbers(0, EVENTS), keys);
      assertTrue(cancelled > 0);
      assertTrue(watch.nextAsync(1).cancel(true));
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
    }
  }

  @Test
  void whatHangsOnOneFutureMayWaitForTheNext() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      CompletableFuture<List<Event<byte[], byte[]>>> first = watch.nextAsync(1);
      CompletableFuture<List<Event<byte[], byte[]>>> second = watch.nextAsync(1);
      CompletableFuture<List<String>> both = first.thenApply(events -> {
        List<String> keys = new ArrayList<>(keys(events));
        keys.addAll(keys(second.join()));
        return keys;
      });
      put(store, 0, 2);
      assertEquals(numbers(0, 2), get(both));
    }
  }

  @Test
  void severalFuturesAreServedInTheirOrder() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      List<CompletableFuture<List<Event<byte[], byte[]>>>> futures = new ArrayList<>();
      for (int index = 0; index < 10; index++) {
        futures.add(watch.nextAsync(1));
      }
      assertTrue(futures.get(3).cancel(true));
      put(store, 0, 9);
      futures.remove(3);
      List<String> keys = new ArrayList<>();
      for (CompletableFuture<List<Event<byte[], byte[]>>> future : futures) {
        keys.addAll(keys(get(future)));
      }
      assertEquals(numbers(0, 9), keys);
      CompletableFuture<List<Event<byte[], byte[]>>> last = watch.nextAsync(1);
      watch.close();
      Support.failure(ClosedException.class, last);
    }
  }

  @Test
  void aReadThatBlocksTakesWhatWasAskedForByAFutureThatWaits() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.now());
      CompletableFuture<List<Event<byte[], byte[]>>> future = watch.nextAsync(10);
      assertEquals(List.of(), watch.next(1, Duration.ZERO));
      assertEquals(List.of(), watch.next(1, Duration.ofMillis(20)));
      CountDownLatch isTaken = new CountDownLatch(1);
      Thread reader = new Thread(() -> {
        watch.take();
        isTaken.countDown();
      });
      reader.start();
      put(store, 0, 1);
      Support.await("either has it", () -> future.isDone() || isTaken.getCount() == 0);
      put(store, 1, 2);
      get(future);
      assertTrue(isTaken.await(60, TimeUnit.SECONDS));
      reader.join();
    }
  }

  private static void giveUp(CompletableFuture<List<Event<byte[], byte[]>>> future, String how) {
    switch (how) {
      case "cancel" -> assertTrue(future.cancel(true));
      case "time" -> Support.failure(TimeoutException.class, future.orTimeout(1, TimeUnit.MILLISECONDS));
      default -> assertTrue(future.complete(List.of()));
    }
  }

  private static boolean run(ConcurrentLinkedQueue<Runnable> kept) {
    for (Runnable task = kept.poll(); task != null; task = kept.poll()) {
      task.run();
    }
    return true;
  }

  private static void put(Store store, int from, int to) {
    for (int index = from; index < to; index++) {
      store.put(bytes(Integer.toString(index)), bytes("v"));
    }
  }

  private static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(Integer::toString).toList();
  }

  private static List<String> keys(List<Event<byte[], byte[]>> events) {
    return events.stream().map(event -> text(event.entry().orElseThrow().key())).toList();
  }
}
