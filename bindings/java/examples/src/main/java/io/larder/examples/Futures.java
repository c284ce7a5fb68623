package io.larder.examples;

import io.larder.AsyncTypedStore;
import io.larder.Codecs;
import io.larder.Larder;
import io.larder.PutOptions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Asks without waiting, and waits for all answers at once. */
public final class Futures {
  private Futures() {}

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open("fault://?delay=20ms")) {
      AsyncTypedStore<String, String> store = larder.store().typed(Codecs.string(), Codecs.string()).async();
      store.put("a", "1", PutOptions.none()).join();
      CompletableFuture<String> answer = store.get("a").thenCombine(store.get("b"), (a, b) -> a + " and " + b);
      System.out.println(answer.join());
      // A future that is cancelled, or times out, cancels the request.
      store.get("never:answered").orTimeout(50, TimeUnit.MILLISECONDS).exceptionally(Throwable::toString).join();
    }
  }
}
