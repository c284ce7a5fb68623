package io.larder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A real server that hangs: a call ends with its own deadline, and the next ones work when the server is back. */
@EnabledIfEnvironmentVariable(named = "LARDER_TEST_STORES", matches = ".+")
class DeadlineTest {
  private static final Duration DEADLINE = Duration.ofMillis(300);
  /** Far below the timeout of the store itself, and far above what a busy machine needs. */
  private static final Duration LONGEST = Duration.ofSeconds(20);

  private static final byte[] KEY = Support.bytes("key");
  private static final byte[] VALUE = Support.bytes("value");

  private static ObjectNode settings(String kind) throws IOException {
    JsonNode servers = new ObjectMapper().readTree(new File(System.getenv("LARDER_TEST_STORES")));
    return servers.get(kind).get("settings").deepCopy();
  }

  private static String config(ObjectNode settings, Wire wire) {
    settings.putArray("nodes").add(wire.address());
    settings.put("timeout", "120s").put("database", "deadline-" + UUID.randomUUID());
    ObjectNode config = new ObjectMapper().createObjectNode();
    config.putObject("stores").set("default", settings);
    return config.toString();
  }

  /**
   * The call ends with its deadline, and says so. A write that was sent may have happened; one that has to read first says
   * that it was not sent.
   */
  private static void late(String name, boolean isWrite, Executable call) {
    long start = System.nanoTime();
    LarderException failure = assertThrows(LarderException.class, call, name);
    Duration taken = Duration.ofNanos(System.nanoTime() - start);
    boolean isWritten = failure instanceof AmbiguousException || failure instanceof UnavailableException;
    if (!(isWrite && isWritten)) {
      assertInstanceOf(DeadlineException.class, failure, name);
    }
    boolean names = failure.getMessage().contains("deadline") || failure.getMessage().contains("300 ms");
    assertTrue(names, name + ": " + failure.getMessage());
    boolean near = taken.compareTo(DEADLINE.minusMillis(50)) > 0 && taken.compareTo(LONGEST) < 0;
    assertTrue(near, name + " took " + taken);
  }

  private static void comesBack(Store store) {
    assertEquals("value", Support.text(store.withTimeout(LONGEST).get(KEY)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"redis", "nats-js-kv"})
  void aCallToAServerThatHangsEndsWithItsDeadline(String kind) throws Exception {
    ObjectNode settings = settings(kind);
    try (Wire wire = new Wire(settings.get("nodes").get(0).textValue());
        Larder larder = Larder.open(config(settings, wire))) {
      Store store = larder.store();
      store.put(KEY, VALUE);
      Store brief = store.withTimeout(DEADLINE);
      Map<String, Executable> reads = Map.of(
          "get", () -> brief.get(KEY),
          "getAll", () -> brief.getAll(List.of(KEY)),
          "contains", () -> brief.contains(KEY),
          "size", brief::size);
      Map<String, Executable> writes = Map.of(
          "put", () -> brief.put(Support.bytes("other"), VALUE),
          "remove", () -> brief.remove(Support.bytes("other")));
      for (Map<String, Executable> calls : List.of(reads, writes)) {
        for (Map.Entry<String, Executable> call : calls.entrySet()) {
          wire.hold(true);
          late(call.getKey(), calls == writes, call.getValue());
          wire.hold(false);
          comesBack(store);
        }
      }
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"redis", "nats-js-kv"})
  void manyFuturesOnAServerThatHangsAllEndWithTheirDeadlines(String kind) throws Exception {
    ObjectNode settings = settings(kind);
    try (Wire wire = new Wire(settings.get("nodes").get(0).textValue());
        Larder larder = Larder.open(config(settings, wire))) {
      Store store = larder.store();
      store.put(KEY, VALUE);
      wire.hold(true);
      AsyncStore brief = store.withTimeout(DEADLINE).async();
      long start = System.nanoTime();
      List<CompletableFuture<byte[]>> futures = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        futures.add(brief.get(KEY));
      }
      for (CompletableFuture<byte[]> future : futures) {
        Support.failure(DeadlineException.class, future);
      }
      Duration taken = Duration.ofNanos(System.nanoTime() - start);
      assertTrue(taken.compareTo(LONGEST) < 0, "they took " + taken);
      Support.await("nothing is in flight", () -> larder.inFlight() == 0);
      wire.hold(false);
      comesBack(store);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"redis", "nats-js-kv"})
  void aCallToAServerThatSaysNothingAtAllEndsWithItsDeadlineAndWritesNothing(String kind) throws Exception {
    ObjectNode settings = settings(kind);
    try (Wire wire = new Wire(settings.get("nodes").get(0).textValue())) {
      wire.hold(true);
      try (Larder larder = Larder.open(config(settings, wire))) {
        Store store = larder.store();
        Store brief = store.withTimeout(DEADLINE);
        Map<String, Executable> calls = Map.of("get", () -> brief.get(KEY), "put", () -> brief.put(KEY, VALUE));
        for (Map.Entry<String, Executable> call : calls.entrySet()) {
          long start = System.nanoTime();
          LarderException failure = assertThrows(LarderException.class, call.getValue(), call.getKey());
          // Nothing was sent, and the library knows it.
          boolean isKnown = failure instanceof UnavailableException || failure instanceof DeadlineException;
          assertTrue(isKnown, failure.toString());
          assertTrue(System.nanoTime() - start < LONGEST.toNanos(), call.getKey());
        }
        Support.await("nothing is in flight", () -> larder.inFlight() == 0);
        wire.hold(false);
        assertNull(store.withTimeout(LONGEST).get(KEY), "what was given up was written all the same");
      }
    }
  }
}
