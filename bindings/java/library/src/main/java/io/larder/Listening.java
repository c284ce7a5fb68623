package io.larder;

import java.util.concurrent.Flow;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A listener that is told every event of a watch. What it throws is logged, and it goes on being told. */
final class Listening<K, V> implements Flow.Subscriber<Event<K, V>>, Registration {
  private static final Logger LOGGER = LoggerFactory.getLogger(Watch.class);

  private final Consumer<? super Event<K, V>> listener;
  private LarderException failure;
  private volatile Flow.Subscription subscription;

  private Listening(Consumer<? super Event<K, V>> listener) {
    this.listener = listener;
  }

  static <K, V> Registration start(Flow.Publisher<Event<K, V>> events, Consumer<? super Event<K, V>> listener) {
    Listening<K, V> listening = new Listening<>(listener);
    events.subscribe(listening);
    if (listening.failure != null) {
      throw listening.failure;
    }
    return listening;
  }

  @Override
  public void onSubscribe(Flow.Subscription newSubscription) {
    subscription = newSubscription;
    newSubscription.request(Long.MAX_VALUE);
  }

  @Override
  public void onNext(Event<K, V> event) {
    try {
      listener.accept(event);
    } catch (RuntimeException thrown) {
      LOGGER.warn("a listener of a watch threw an exception", thrown);
    }
  }

  @Override
  public void onError(Throwable thrown) {
    if (thrown instanceof LarderException problem) {
      failure = problem;
    }
    LOGGER.warn("a watch ended with an exception", thrown);
  }

  @Override
  public void onComplete() {}

  @Override
  public void close() {
    subscription.cancel();
  }
}
