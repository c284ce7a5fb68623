package io.larder;

import java.util.List;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Gives each subscriber a watch of its own. Events are read by submitted requests, so that no thread waits for them, and
 * only as many as the subscriber asked for. A subscriber is called by one thread at a time.
 */
record EventPublisher<K, V>(Supplier<Watch<K, V>> opener) implements Flow.Publisher<Event<K, V>> {
  @Override
  public void subscribe(Flow.Subscriber<? super Event<K, V>> subscriber) {
    Watch<K, V> watch;
    try {
      watch = opener.get();
    } catch (LarderException failure) {
      subscriber.onSubscribe(new Ended());
      subscriber.onError(failure);
      return;
    }
    subscriber.onSubscribe(new Reading<>(watch, subscriber));
  }

  private record Ended() implements Flow.Subscription {
    @Override
    public void request(long count) {}

    @Override
    public void cancel() {}
  }

  private static final class Reading<K, V> implements Flow.Subscription {
    private final Watch<K, V> watch;
    private final Flow.Subscriber<? super Event<K, V>> subscriber;
    private final AtomicLong wanted = new AtomicLong();
    private final AtomicBoolean isReading = new AtomicBoolean();
    private volatile boolean ended;

    Reading(Watch<K, V> watch, Flow.Subscriber<? super Event<K, V>> subscriber) {
      this.watch = watch;
      this.subscriber = subscriber;
    }

    @Override
    public void request(long count) {
      if (ended) {
        return;
      }
      if (count < 1) {
        end();
        subscriber.onError(new IllegalArgumentException("a subscriber asked for " + count + " events"));
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

    private void read() {
      if (wanted.get() == 0 || ended || !isReading.compareAndSet(false, true)) {
        return;
      }
      watch.nextAsync((int) Math.min(wanted.get(), Inbox.BATCH)).whenCompleteAsync(this::deliver, watch::execute);
    }

    private void deliver(List<Event<K, V>> events, Throwable failure) {
      if (ended) {
        return;
      }
      if (failure != null) {
        end();
        if (failure instanceof ClosedException) {
          subscriber.onComplete();
        } else {
          subscriber.onError(failure);
        }
        return;
      }
      try {
        for (Event<K, V> event : events) {
          if (ended) {
            return;
          }
          subscriber.onNext(event);
        }
      } catch (RuntimeException | Error thrown) {
        // A subscriber must not throw; one that does is told so, and gets nothing more.
        end();
        subscriber.onError(thrown);
        return;
      }
      if (wanted.get() != Long.MAX_VALUE) {
        wanted.addAndGet(-events.size());
      }
      isReading.set(false);
      read();
    }
  }
}
