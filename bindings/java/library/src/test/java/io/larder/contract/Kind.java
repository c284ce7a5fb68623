package io.larder.contract;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A type of a case: in the library, or on servers that the file of {@code LARDER_TEST_STORES} names.
 *
 * @param name the type
 * @param settings its settings
 * @param prefixed {@code database} or {@code table}, the name that keeps a run apart from others; empty for none
 */
record Kind(String name, JsonNode settings, String prefixed) {
  private static final Set<String> LOCAL = Set.of("memory", "fault", "noop");

  /** How server types are reached; empty when nothing says it. */
  static Optional<JsonNode> servers() throws IOException {
    String path = System.getenv("LARDER_TEST_STORES");
    if (path == null || path.isEmpty()) {
      System.out.println("left out what needs servers: LARDER_TEST_STORES is not set");
      return Optional.empty();
    }
    return Optional.of(new ObjectMapper().readTree(new File(path)));
  }

  /**
   * The types that a case is run for: those that it names, and the variants of each that it does not except. Those that
   * need servers are left out where there are none.
   */
  static List<Kind> ofCase(JsonNode example, Optional<JsonNode> servers) {
    Set<String> excepted = new HashSet<>();
    example.path("except").forEach(variants -> variants.forEach(variant -> excepted.add(variant.textValue())));
    List<Kind> kinds = new ArrayList<>();
    for (JsonNode type : example.get("types")) {
      find(type.textValue(), servers).ifPresent(kinds::add);
      for (String variant : variantsOf(type.textValue(), servers)) {
        if (!excepted.remove(variant)) {
          kinds.add(find(variant, servers).orElseThrow());
        }
      }
    }
    if (servers.isPresent() && !excepted.isEmpty()) {
      throw new AssertionError(example.get("name") + ": no variants of its types are excepted: " + excepted);
    }
    return kinds;
  }

  /** The types that say of themselves that they are variants of one. */
  private static List<String> variantsOf(String name, Optional<JsonNode> servers) {
    List<String> variants = new ArrayList<>();
    servers.ifPresent(types -> types.properties().forEach(type -> {
      if (type.getValue().path("variant_of").asText().equals(name)) {
        variants.add(type.getKey());
      }
    }));
    return variants;
  }

  /** The type of a name; empty for one that needs servers where there are none. */
  private static Optional<Kind> find(String name, Optional<JsonNode> servers) {
    if (LOCAL.contains(name)) {
      return Optional.of(new Kind(name, new ObjectMapper().createObjectNode().put("type", name), ""));
    }
    return servers.map(types -> {
      if (!types.has(name)) {
        throw new AssertionError("there is no type " + name);
      }
      JsonNode entry = types.get(name);
      return new Kind(name, entry.get("settings"), entry.get("prefixed").textValue());
    });
  }

  /** What stands before the prefixed names of one run; empty where nothing is prefixed. */
  String newPrefix() {
    return prefixed.isEmpty() ? "" : String.format("c%012x-", ThreadLocalRandom.current().nextLong(1L << 48));
  }

  /** The section of the store for a run of the case. */
  ObjectNode section(JsonNode example, String prefix) {
    ObjectNode section = settings.deepCopy();
    example.path("settings").properties().forEach(field -> section.set(field.getKey(), field.getValue()));
    if (!prefixed.isEmpty()) {
      section.put(prefixed, prefix + section.path(prefixed).asText(""));
    }
    return section;
  }
}
