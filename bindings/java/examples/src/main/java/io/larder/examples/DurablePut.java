package io.larder.examples;

import io.larder.AmbiguousException;
import io.larder.Codecs;
import io.larder.Durability;
import io.larder.Larder;
import io.larder.PutOptions;
import io.larder.TypedStore;
import io.larder.UnsupportedException;
import java.time.Duration;

/** Writes a record that every replica must have. */
public final class DurablePut {
  private DurablePut() {}

  /**
   * Runs the example.
   *
   * @param arguments the configuration; none for memory
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open(arguments.length > 0 ? arguments[0] : "memory://")) {
      TypedStore<String, String> store =
          larder.store().typed(Codecs.string(), Codecs.string()).withTimeout(Duration.ofSeconds(5));
      System.out.println("every replica has revision " + pay(store));
    } catch (UnsupportedException unsupported) {
      System.out.println("the store has no replicas: " + unsupported.getMessage());
    }
  }

  private static long pay(TypedStore<String, String> store) {
    PutOptions options = PutOptions.durability(Durability.ALL);
    try {
      return store.put("order", "paid", options);
    } catch (AmbiguousException ambiguous) {
      // The same value once more does no harm here. What must not be done twice is read first.
      return store.put("order", "paid", options);
    }
  }
}
