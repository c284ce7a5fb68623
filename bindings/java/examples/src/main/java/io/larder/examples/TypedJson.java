package io.larder.examples;

import io.larder.Codecs;
import io.larder.Larder;
import io.larder.TypedStore;
import io.larder.codec.JsonCodec;

/** Keeps objects as JSON. */
public final class TypedJson {
  private TypedJson() {}

  /**
   * What is kept.
   *
   * @param name the name
   * @param born the year
   */
  public record Person(String name, int born) {}

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open("memory://")) {
      TypedStore<String, Person> people = larder.store().typed(Codecs.string(), JsonCodec.of(Person.class));
      people.put("ada", new Person("Ada Lovelace", 1815));
      System.out.println(people.get("ada"));
    }
  }
}
