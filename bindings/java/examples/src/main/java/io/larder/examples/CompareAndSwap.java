package io.larder.examples;

import io.larder.Codecs;
import io.larder.Entry;
import io.larder.Larder;
import io.larder.PutOptions;
import io.larder.TypedStore;

/** Counts with revisions, so that no increment of another writer is lost. */
public final class CompareAndSwap {
  private CompareAndSwap() {}

  private static void increment(TypedStore<String, String> store) {
    Entry<String, String> entry;
    String next;
    do {
      entry = store.getEntry("count").orElseThrow();
      next = Integer.toString(Integer.parseInt(entry.value()) + 1);
    } while (!store.replace("count", next, entry.revision(), PutOptions.none()).isDone());
  }

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open("memory://")) {
      TypedStore<String, String> store = larder.store().typed(Codecs.string(), Codecs.string());
      store.put("count", "0");
      for (int round = 0; round < 10; round++) {
        increment(store);
      }
      System.out.println(store.get("count"));
    }
  }
}
