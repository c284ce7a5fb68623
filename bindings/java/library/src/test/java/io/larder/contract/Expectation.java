package io.larder.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.larder.Entry;
import io.larder.Event;
import io.larder.Outcome;
import io.larder.Statistics;
import io.larder.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Compares an answer with what a step expects. */
final class Expectation {
  private static final Set<String> RECORD =
      Set.of("key", "value", "metadata", "revision", "revision_above", "expires_in_ms", "max_idle_ms");
  private static final Set<String> EVENT =
      Set.of("kind", "key", "value", "metadata", "revision", "revision_above", "initial", "lost");

  private final Map<String, Long> saved;

  Expectation(Map<String, Long> saved) {
    this.saved = saved;
  }

  void check(JsonNode expected, Reply reply, boolean inAnyOrder) throws Exception {
    status(expected.path("status"), reply);
    for (Map.Entry<String, JsonNode> field : expected.properties()) {
      JsonNode node = field.getValue();
      switch (field.getKey()) {
        case "status" -> {}
        case "value" -> assertArrayEquals(Values.bytes(node), reply.value, "value");
        case "revision" -> assertEquals(Values.revision(node, saved), reply.revision, "revision");
        case "revision_above" -> assertTrue(reply.revision > Values.revision(node, saved), "revision");
        case "length" -> number(node, reply.length, "length");
        case "number" -> number(node, reply.number, "number");
        case "metadata", "expires_in_ms", "max_idle_ms" -> recordField(field.getKey(), node, reply.entry);
        case "records" -> records(node, reply.records);
        case "outcomes" -> outcomes(node, reply.outcomes);
        case "events" -> events(node, reply.events, inAnyOrder);
        case "statistics" -> statistics(node, reply.statistics);
        case "description" -> description(node, reply.description);
        case "source" -> assertEquals(node.textValue(), reply.failure.source(), "source");
        case "message_contains" -> {
          String message = reply.failure.getMessage();
          assertTrue(message.contains(node.textValue()), () -> "the message is " + message);
        }
        default -> throw new AssertionError("the expectation " + field.getKey() + " is not known");
      }
    }
  }

  private static void status(JsonNode expected, Reply reply) {
    List<String> names = new ArrayList<>();
    if (expected.isArray()) {
      expected.forEach(name -> names.add(name.textValue()));
    } else {
      names.add(expected.isMissingNode() ? "OK" : expected.textValue());
    }
    names.forEach(Status::valueOf);
    assertTrue(names.contains(reply.status.name()), () -> names + " was expected, " + reply.status + " came"
        + (reply.failure == null ? "" : ": " + reply.failure));
  }

  private static void number(JsonNode expected, Long came, String name) {
    if (!expected.isObject()) {
      assertEquals(expected.longValue(), came, name);
      return;
    }
    Values.known(expected, Set.of("least", "most"));
    boolean inside = came >= expected.path("least").asLong(Long.MIN_VALUE)
        && came <= expected.path("most").asLong(Long.MAX_VALUE);
    assertTrue(inside, () -> name + ": " + expected + " was expected, " + came + " came");
  }

  private void recordField(String name, JsonNode node, Entry<byte[], byte[]> entry) {
    switch (name) {
      case "key" -> assertArrayEquals(Values.bytes(node), entry.key(), "key");
      case "value" -> assertArrayEquals(Values.bytes(node), entry.value(), "value");
      case "metadata" -> metadata(node, entry.metadata());
      case "revision" -> assertEquals(Values.revision(node, saved), entry.revision(), "revision");
      case "revision_above" -> assertTrue(entry.revision() > Values.revision(node, saved), "revision");
      case "expires_in_ms" -> number(node, entry.expiresIn().map(time -> time.toMillis()).orElse(-1L), name);
      case "max_idle_ms" -> number(node, entry.maxIdle().map(time -> time.toMillis()).orElse(-1L), name);
      default -> throw new AssertionError("the field " + name + " of a record is not known");
    }
  }

  private static void metadata(JsonNode expected, Map<String, byte[]> came) {
    List<String> names = new ArrayList<>();
    for (JsonNode pair : expected) {
      names.add(pair.get(0).textValue());
      assertArrayEquals(Values.bytes(pair.get(1)), came.get(pair.get(0).textValue()), () -> "metadata " + pair);
    }
    assertEquals(names, new ArrayList<>(came.keySet()), "names of the metadata");
  }

  private void record(JsonNode expected, Entry<byte[], byte[]> came) {
    if (expected.isNull() || came == null) {
      assertTrue(expected.isNull() && came == null, () -> expected + " was expected, " + came + " came");
      return;
    }
    Values.known(expected, RECORD);
    expected.properties().forEach(field -> recordField(field.getKey(), field.getValue(), came));
  }

  private void records(JsonNode expected, List<Entry<byte[], byte[]>> came) {
    assertEquals(expected.size(), came.size(), "number of records");
    for (int index = 0; index < came.size(); index++) {
      record(expected.get(index), came.get(index));
    }
  }

  private void outcomes(JsonNode expected, List<Outcome> came) {
    assertEquals(expected.size(), came.size(), "number of outcomes");
    for (int index = 0; index < came.size(); index++) {
      JsonNode node = expected.get(index);
      Outcome outcome = came.get(index);
      Values.known(node, Set.of("status", "revision", "revision_above"));
      assertEquals(node.path("status").asText("OK"), outcome.status().name(), "status of outcome " + index);
      if (node.has("revision")) {
        assertEquals(Values.revision(node.get("revision"), saved), outcome.revision(), "revision of outcome " + index);
      }
      if (node.has("revision_above")) {
        assertTrue(outcome.revision() > Values.revision(node.get("revision_above"), saved), "revision " + index);
      }
    }
  }

  private void events(JsonNode expected, List<Event<byte[], byte[]>> came, boolean inAnyOrder) {
    assertEquals(expected.size(), came.size(), () -> "number of events: " + came);
    List<Event<byte[], byte[]>> left = new ArrayList<>(came);
    for (JsonNode node : expected) {
      if (!inAnyOrder) {
        event(node, left.remove(0));
        continue;
      }
      boolean taken = left.stream().filter(event -> matches(node, event)).findFirst().map(left::remove).orElse(false);
      assertTrue(taken, () -> "no event is " + node + " among " + came);
    }
  }

  private boolean matches(JsonNode expected, Event<byte[], byte[]> came) {
    try {
      event(expected, came);
      return true;
    } catch (AssertionError | NullPointerException other) {
      return false;
    }
  }

  private void event(JsonNode expected, Event<byte[], byte[]> came) {
    Values.known(expected, EVENT);
    assertEquals(expected.get("kind").textValue(), came.kind().name().toLowerCase(Locale.ROOT), "kind");
    expected.properties().forEach(field -> {
      switch (field.getKey()) {
        case "kind" -> {}
        case "initial" -> assertEquals(field.getValue().booleanValue(), came.isInitial(), "initial");
        case "lost" -> number(field.getValue(), came.lost(), "lost");
        default -> recordField(field.getKey(), field.getValue(), came.entry().orElseThrow());
      }
    });
  }

  private static void statistics(JsonNode expected, Statistics came) {
    expected.properties().forEach(field -> {
      long number = switch (field.getKey()) {
        case "hits" -> came.hits();
        case "misses" -> came.misses();
        case "puts" -> came.puts();
        case "removals" -> came.removals();
        case "evictions" -> came.evictions();
        case "expirations" -> came.expirations();
        case "entries" -> came.entries();
        case "bytes" -> came.bytes();
        default -> throw new AssertionError("the statistic " + field.getKey() + " is not known");
      };
      number(field.getValue(), number, field.getKey());
    });
  }

  private static void description(JsonNode expected, String came) throws Exception {
    JsonNode description = new ObjectMapper().readTree(came);
    expected.properties().forEach(field ->
        assertEquals(field.getValue().asText(), description.path(field.getKey()).asText(), field.getKey()));
  }
}
