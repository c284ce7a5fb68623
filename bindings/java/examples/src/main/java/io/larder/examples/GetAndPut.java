package io.larder.examples;

import io.larder.Larder;
import io.larder.Store;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** Reads, writes and removes a record. */
public final class GetAndPut {
  private GetAndPut() {}

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open("memory://?max_entries=10000")) {
      Store store = larder.store();
      byte[] key = "greeting".getBytes(StandardCharsets.UTF_8);
      store.put(key, "hello".getBytes(StandardCharsets.UTF_8), Duration.ofMinutes(5));
      System.out.println(new String(store.get(key), StandardCharsets.UTF_8));
      store.remove(key);
      System.out.println("after the remove: " + store.get(key));
    }
  }
}
