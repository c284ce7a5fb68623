package io.larder.examples;

import io.larder.Codecs;
import io.larder.Entry;
import io.larder.Larder;
import io.larder.Registration;
import io.larder.TypedStore;
import io.larder.WatchOptions;
import java.util.concurrent.CountDownLatch;

/** Listens to changes. */
public final class WatchChanges {
  private WatchChanges() {}

  /**
   * Runs the example.
   *
   * @param arguments none
   * @throws InterruptedException if the thread is interrupted
   */
  public static void main(String[] arguments) throws InterruptedException {
    try (Larder larder = Larder.open("memory://")) {
      TypedStore<String, String> store = larder.store().typed(Codecs.string(), Codecs.string());
      CountDownLatch three = new CountDownLatch(3);
      Registration listening = store.watch(WatchOptions.now(), event -> {
        System.out.println(event.kind() + " " + event.entry().map(Entry::key).orElse(""));
        three.countDown();
      });
      store.put("a", "1");
      store.put("a", "2");
      store.remove("a");
      three.await();
      listening.close();
    }
  }
}
