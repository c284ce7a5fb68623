package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Watches as a reader, an iterator, a listener and a publisher have them. */
class WatchTest {
  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void anIteratorGivesEachEventAndEndsWithTheWatch(String type) throws Exception {
    try (Larder larder = Larder.open(type + "://")) {
      Store store = larder.store();
      store.put(bytes("a"), bytes("1"));
      Watch<byte[], byte[]> watch = store.watch(WatchOptions.existing());
      Iterator<Event<byte[], byte[]>> events = watch.iterator();
      assertEquals(Event.Kind.CREATED, events.next().kind());
      assertEquals(Event.Kind.CURRENT, events.next().kind());
      store.put(bytes("b"), bytes("2"));
      store.remove(bytes("a"));
      assertEquals(Event.Kind.CREATED, events.next().kind());
      assertEquals(Event.Kind.REMOVED, events.next().kind());
      assertTrue(watch.next(1, Duration.ZERO).isEmpty());
      Thread closer = new Thread(() -> {
        try {
          Thread.sleep(50);
        } catch (InterruptedException end) {
          Thread.currentThread().interrupt();
        }
        watch.close();
      });
      closer.start();
      assertFalse(events.hasNext());
      assertThrows(ClosedException.class, watch::take);
      watch.close();
      closer.join();
    }
  }

  @Test
  void aListenerIsToldUntilItIsClosedWhateverItThrows() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      ConcurrentLinkedQueue<String> told = new ConcurrentLinkedQueue<>();
      Registration registration = store.watch(WatchOptions.now().withPrefix(bytes("k")), event -> {
        told.add(text(event.entry().orElseThrow().key()));
        throw new IllegalStateException("on purpose");
      });
      for (int index = 0; index < 20; index++) {
        store.put(bytes("k" + index), bytes("v"));
      }
      store.put(bytes("other"), bytes("v"));
      Support.await("all are told", () -> told.size() == 20);
      registration.close();
      registration.close();
      store.put(bytes("k"), bytes("v"));
      Thread.sleep(100);
      assertEquals(20, told.size());
      assertEquals("k19", told.stream().reduce((first, second) -> second).orElseThrow());
    }
  }

  @Test
  void aSubscriberGetsNoMoreThanItAskedForAndThenTheEnd() throws Exception {
    Larder larder = Larder.open("memory://");
    Store store = larder.store();
    Collected collected = new Collected();
    store.events(WatchOptions.now()).subscribe(collected);
    for (int index = 0; index < 10; index++) {
      store.put(bytes("k" + index), bytes("v"));
    }
    Thread.sleep(50);
    assertEquals(0, collected.keys.size());
    collected.subscription.get().request(3);
    Support.await("three came", () -> collected.keys.size() == 3);
    Thread.sleep(50);
    assertEquals(List.of("k0", "k1", "k2"), List.copyOf(collected.keys));
    collected.subscription.get().request(Long.MAX_VALUE);
    collected.subscription.get().request(Long.MAX_VALUE);
    Support.await("all came", () -> collected.keys.size() == 10);
    larder.close();
    Support.await("the end came", () -> "complete".equals(collected.end.get()));
  }

  @Test
  void aSubscriberThatAsksForNothingOrCancelsIsTreatedByTheRules() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Collected wrong = new Collected();
      larder.store().events(WatchOptions.now()).subscribe(wrong);
      wrong.subscription.get().request(0);
      assertEquals("java.lang.IllegalArgumentException", wrong.end.get());
      Collected cancelled = new Collected();
      larder.store().events(WatchOptions.now()).subscribe(cancelled);
      cancelled.subscription.get().request(10);
      cancelled.subscription.get().cancel();
      cancelled.subscription.get().cancel();
      larder.store().put(bytes("k"), bytes("v"));
      Thread.sleep(50);
      assertEquals(0, cancelled.keys.size());
      assertEquals(null, cancelled.end.get());
    }
    Larder closed = Larder.open("memory://");
    Store store = closed.store();
    closed.close();
    Collected late = new Collected();
    store.events(WatchOptions.now()).subscribe(late);
    assertEquals("io.larder.ClosedException", late.end.get());
    assertThrows(ClosedException.class, () -> store.watch(WatchOptions.now(), event -> {}));
  }

  @Test
  void noEventIsToldWhileASubscriberIsGivenItsSubscription() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      AtomicBoolean isInside = new AtomicBoolean();
      AtomicBoolean isBeside = new AtomicBoolean();
      Collected collected = new Collected() {
        @Override
        public void onSubscribe(Flow.Subscription newSubscription) {
          isInside.set(true);
          super.onSubscribe(newSubscription);
          newSubscription.request(1);
          store.put(bytes("k"), bytes("v"));
          pause();
          isInside.set(false);
        }

        @Override
        public void onNext(Event<byte[], byte[]> event) {
          isBeside.compareAndSet(false, isInside.get());
          super.onNext(event);
        }
      };
      store.events(WatchOptions.now()).subscribe(collected);
      Support.await("it came", () -> collected.keys.size() == 1);
      assertFalse(isBeside.get());
    }
  }

  @Test
  void aSubscriberThatAsksForNothingIsToldSoAfterTheEventThatIsUnderWay() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      CountDownLatch isUnderWay = new CountDownLatch(1);
      CountDownLatch hasAsked = new CountDownLatch(1);
      AtomicBoolean isInside = new AtomicBoolean();
      AtomicBoolean isBeside = new AtomicBoolean();
      Collected collected = new Collected() {
        @Override
        public void onNext(Event<byte[], byte[]> event) {
          isInside.set(true);
          isUnderWay.countDown();
          awaited(hasAsked);
          pause();
          super.onNext(event);
          isInside.set(false);
        }

        @Override
        public void onError(Throwable failure) {
          isBeside.set(isInside.get());
          super.onError(failure);
        }
      };
      store.events(WatchOptions.now()).subscribe(collected);
      collected.subscription.get().request(10);
      for (int index = 0; index < 10; index++) {
        store.put(bytes("k" + index), bytes("v"));
      }
      assertTrue(isUnderWay.await(60, TimeUnit.SECONDS));
      collected.subscription.get().request(-1);
      hasAsked.countDown();
      Support.await("it is told", () -> "java.lang.IllegalArgumentException".equals(collected.end.get()));
      assertFalse(isBeside.get());
      assertEquals(1, collected.keys.size());
    }
  }

  @Test
  void aSubscriberThatAsksForNothingAsSoonAsItCanIsToldSoAfterwards() {
    try (Larder larder = Larder.open("memory://")) {
      AtomicReference<String> within = new AtomicReference<>("nothing");
      Collected collected = new Collected() {
        @Override
        public void onSubscribe(Flow.Subscription newSubscription) {
          newSubscription.request(0);
          within.set(end.get());
        }
      };
      larder.store().events(WatchOptions.now()).subscribe(collected);
      assertEquals(null, within.get());
      assertEquals("java.lang.IllegalArgumentException", collected.end.get());
    }
  }

  @Test
  void eventsAskedForOneByOneFromInsideOfEachAllComeAndDoNotRecurse() throws Exception {
    // Tasks run where they are given, which is the deepest that calls can nest.
    try (Larder larder = Larder.builder().config("memory://").executor(Runnable::run).open()) {
      Store store = larder.store();
      AtomicInteger deepest = new AtomicInteger();
      Collected collected = new Collected() {
        @Override
        public void onSubscribe(Flow.Subscription newSubscription) {
          super.onSubscribe(newSubscription);
          newSubscription.request(1);
        }

        @Override
        public void onNext(Event<byte[], byte[]> event) {
          deepest.accumulateAndGet(new Throwable().getStackTrace().length, Math::max);
          super.onNext(event);
          subscription.get().request(1);
        }
      };
      store.events(WatchOptions.now()).subscribe(collected);
      for (int index = 0; index < 5000; index++) {
        store.put(bytes("k" + index), bytes("v"));
      }
      Support.await("all came", () -> collected.keys.size() == 5000);
      assertTrue(deepest.get() < 100, () -> "calls nest " + deepest + " deep");
    }
  }

  private static void awaited(CountDownLatch latch) {
    try {
      assertTrue(latch.await(60, TimeUnit.SECONDS));
    } catch (InterruptedException end) {
      Thread.currentThread().interrupt();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException end) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void manyWatchesNeedNoThreadsOfTheirOwn() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      long before = threads();
      ConcurrentLinkedQueue<Event<byte[], byte[]>> told = new ConcurrentLinkedQueue<>();
      List<Registration> registrations = new ArrayList<>();
      for (int index = 0; index < 200; index++) {
        registrations.add(store.watch(WatchOptions.now(), told::add));
      }
      store.put(bytes("k"), bytes("v"));
      Support.await("all are told", () -> told.size() == 200);
      // Other tests' class loaders have pools of their own, whose threads may not have ended yet.
      assertTrue(threads() - before <= 17, () -> "there are " + threads() + " threads, before " + before);
      registrations.forEach(Registration::close);
    }
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("larder-"))
        .count();
  }

  private static class Collected implements Flow.Subscriber<Event<byte[], byte[]>> {
    final AtomicReference<Flow.Subscription> subscription = new AtomicReference<>();
    final ConcurrentLinkedQueue<String> keys = new ConcurrentLinkedQueue<>();
    final AtomicReference<String> end = new AtomicReference<>();

    @Override
    public void onSubscribe(Flow.Subscription newSubscription) {
      subscription.set(newSubscription);
    }

    @Override
    public void onNext(Event<byte[], byte[]> event) {
      keys.add(text(event.entry().orElseThrow().key()));
    }

    @Override
    public void onError(Throwable failure) {
      end.set(failure.getClass().getName());
    }

    @Override
    public void onComplete() {
      end.set("complete");
    }
  }
}
