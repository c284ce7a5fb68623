package io.larder.examples;

import io.larder.Codecs;
import io.larder.Cursor;
import io.larder.Larder;
import io.larder.ListOptions;
import io.larder.PutOptions;
import io.larder.TypedStore;
import io.larder.codec.JsonCodec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads and writes many records by one call each, and pages through all of them. */
public final class ManyAtOnce {
  private ManyAtOnce() {}

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open("memory://")) {
      TypedStore<Integer, String> store =
          larder.store().typed(JsonCodec.of(Integer.class), Codecs.string());
      Map<Integer, String> squares = new LinkedHashMap<>();
      for (int number = 100; number < 200; number++) {
        squares.put(number, Integer.toString(number * number));
      }
      store.putAll(squares, PutOptions.none());
      System.out.println(store.getAll(List.of(100, 150, 999)));
      try (Cursor<Integer, String> cursor = store.cursor(ListOptions.all().withLimit(3))) {
        cursor.forEachRemaining(entry -> System.out.println(entry.key() + " " + entry.value()));
      }
    }
  }
}
