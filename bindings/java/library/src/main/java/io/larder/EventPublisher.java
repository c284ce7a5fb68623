package io.larder;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Gives each subscriber a watch of its own. Events are read by submitted requests, so that no thread waits for them, and
 * only as many as the subscriber asked for. A subscriber is called by one thread at a time, and the first event is read
 * when its {@code onSubscribe} has returned.
 */
record EventPublisher<K, V>(Supplier<Watch<K, V>> opener) implements Flow.Publisher<Event<K, V>> {
  @Override
  public void subscribe(Flow.Subscriber<? super Event<K, V>> subscriber) {
    Objects.requireNonNull(subscriber, "subscriber");
    Watch<K, V> watch;
    try {
      watch = opener.get();
    } catch (LarderException failure) {
      subscriber.onSubscribe(new Ended());
      subscriber.onError(failure);
      return;
    }
    new Reading<>(watch, subscriber).begin();
  }

  private record Ended() implements Flow.Subscription {
    @Override
    public void request(long count) {}

    @Override
    public void cancel() {}
  }

  /** What a read came to: events, or a failure. */
  private record Read<K, V>(List<Event<K, V>> events, Throwable failure) {}

  private static final class Reading<K, V> implements Flow.Subscription {
    private final Watch<K, V> watch;
    private final Flow.Subscriber<? super Event<K, V>> subscriber;
    private final AtomicLong wanted = new AtomicLong();
    private final AtomicBoolean isReading = new AtomicBoolean();
    private final AtomicReference<Read<K, V>> arrived = new AtomicReference<>();

    /** How often there was something to tell since who tells began; 0 while nobody tells. Begins with onSubscribe. */
    private final AtomicInteger toTell = new AtomicInteger(1);

    private volatile boolean begun;
    private volatile Throwable misuse;
    private volatile boolean ended;

    Reading(Watch<K, V> watch, Flow.Subscriber<? super Event<K, V>> subscriber) {
      this.watch = watch;
      this.subscriber = subscriber;
    }

    void begin() {
      try {
        subscriber.onSubscribe(this);
      } catch (RuntimeException | Error thrown) {
        end();
        throw thrown;
      }
      tellAll();
      // Not before, so that events come where futures are completed, and not on this thread.
      begun = true;
      read();
    }

    @Override
    public void request(long count) {
      if (ended) {
        return;
      }
      if (count < 1) {
        misuse = new IllegalArgumentException("a subscriber asked for " + count + " events");
        tell();
        return;
      }
      wanted.getAndUpdate(before -> before + count < 0 ? Long.MAX_VALUE : before + count);
      read();
    }

    @Override
    public void cancel() {
      end();
    }

    private void end() {
      ended = true;
      watch.close();
    }

    /** Submits a read, unless one is on its way or not told yet: so a request from inside of onNext does not recurse. */
    private void read() {
      if (!begun || wanted.get() == 0 || ended || !isReading.compareAndSet(false, true)) {
        return;
      }
      try {
        watch.nextAsync((int) Math.min(wanted.get(), Inbox.BATCH)).whenComplete(this::arrive);
      } catch (RuntimeException | Error lack) {
        arrive(null, lack);
      }
    }

    private void arrive(List<Event<K, V>> events, Throwable failure) {
      arrived.set(new Read<>(events, failure));
      watch.execute(this::tell);
    }

    /** Tells what there is to tell; when another thread, or this one further out, is at it, that does it. */
    private void tell() {
      if (toTell.getAndIncrement() == 0) {
        tellAll();
      }
    }

    private void tellAll() {
      int told = toTell.get();
      while (told != 0) {
        tellOnce();
        told = toTell.addAndGet(-told);
      }
    }

    private void tellOnce() {
      Read<K, V> read = arrived.getAndSet(null);
      if (read != null && misuse == null) {
        tell(read);
      }
      if (misuse != null) {
        fail(misuse);
      }
    }

    private void fail(Throwable failure) {
      if (ended) {
        return;
      }
      end();
      subscriber.onError(failure);
    }

    private void complete() {
      if (ended) {
        return;
      }
      end();
      subscriber.onComplete();
    }

    private void tell(Read<K, V> read) {
      if (read.failure instanceof ClosedException) {
        complete();
        return;
      }
      if (read.failure != null) {
        fail(read.failure);
        return;
      }
      try {
        for (Event<K, V> event : read.events) {
          if (ended || misuse != null) {
            return;
          }
          subscriber.onNext(event);
        }
      } catch (RuntimeException | Error thrown) {
        // A subscriber must not throw; one that does is told so, and gets nothing more.
        fail(thrown);
        return;
      }
      wanted.getAndUpdate(before -> before == Long.MAX_VALUE ? before : before - read.events.size());
      isReading.set(false);
      read();
    }
  }
}
