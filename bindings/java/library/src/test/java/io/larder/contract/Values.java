package io.larder.contract;

import com.fasterxml.jackson.databind.JsonNode;
import io.larder.Durability;
import io.larder.ListOptions;
import io.larder.PutOptions;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the values of the contract: bytes, numbers, options. */
final class Values {
  private Values() {}

  static byte[] bytes(JsonNode node) {
    if (node.isTextual()) {
      return node.textValue().getBytes(StandardCharsets.UTF_8);
    }
    if (node.has("text")) {
      known(node, Set.of("text"));
      return node.get("text").textValue().getBytes(StandardCharsets.UTF_8);
    }
    if (node.has("hex")) {
      known(node, Set.of("hex"));
      return HexFormat.of().parseHex(node.get("hex").textValue());
    }
    known(node, Set.of("repeat", "count"));
    byte[] part = HexFormat.of().parseHex(node.get("repeat").textValue());
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int count = node.get("count").intValue(); count > 0; count--) {
      bytes.writeBytes(part);
    }
    return bytes.toByteArray();
  }

  static List<byte[]> list(JsonNode nodes) {
    List<byte[]> list = new ArrayList<>();
    nodes.forEach(node -> list.add(bytes(node)));
    return list;
  }

  static PutOptions putOptions(JsonNode step) {
    PutOptions options = PutOptions.none();
    if (step.has("lifespan_ms")) {
      long lifespan = step.get("lifespan_ms").longValue();
      options = lifespan == -1 ? options.withUnlimitedLifespan() : options.withLifespan(Duration.ofMillis(lifespan));
    }
    if (step.has("max_idle_ms")) {
      long maxIdle = step.get("max_idle_ms").longValue();
      options = maxIdle == -1 ? options.withUnlimitedMaxIdle() : options.withMaxIdle(Duration.ofMillis(maxIdle));
    }
    for (JsonNode pair : step.path("metadata")) {
      options = options.withMetadata(pair.get(0).textValue(), bytes(pair.get(1)));
    }
    return step.has("durability") ? options.withDurability(durability(step.get("durability"))) : options;
  }

  private static Durability durability(JsonNode node) {
    if (node.isInt()) {
      return Durability.replicas(node.intValue());
    }
    return switch (node.asText()) {
      case "none" -> Durability.NONE;
      case "all" -> Durability.ALL;
      default -> throw new AssertionError("there is no durability " + node);
    };
  }

  static ListOptions listOptions(JsonNode step) {
    ListOptions options = ListOptions.all();
    if (step.has("prefix")) {
      options = options.withPrefix(bytes(step.get("prefix")));
    }
    if (step.has("suffix")) {
      options = options.withSuffix(bytes(step.get("suffix")));
    }
    return options.withOffset(step.path("offset").longValue()).withLimit(step.path("limit").longValue());
  }

  static long revision(JsonNode node, Map<String, Long> saved) {
    if (!node.isTextual()) {
      return node.longValue();
    }
    Long revision = saved.get(node.textValue().substring(1));
    if (revision == null) {
      throw new AssertionError("no revision was saved as " + node);
    }
    return revision;
  }

  /** Fails for a field that this runner does not know. */
  static void known(JsonNode object, Set<String> fields) {
    object.fieldNames().forEachRemaining(field -> {
      if (!fields.contains(field)) {
        throw new AssertionError("the field " + field + " is not known in " + object);
      }
    });
  }
}
