package io.larder;

import static io.larder.Support.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How many replicas must have a write, and writes of which that is not known. */
class DurabilityTest {
  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void aDurabilityReachesTheStoreByEveryWrite(String type) {
    try (Larder larder = Larder.open(type + "://")) {
      Store store = larder.store();
      TypedStore<String, String> typed = store.typed(Codecs.string(), Codecs.string());
      byte[] key = bytes("k");
      long revision = store.put(key, bytes("v"), PutOptions.durability(Durability.NONE));
      for (Durability durability : List.of(Durability.ALL, Durability.replicas(1), Durability.replicas(255))) {
        PutOptions options = PutOptions.durability(durability);
        KeyValue record = KeyValue.of(key, key, options);
        refused(() -> store.put(key, key, options));
        refused(() -> store.putIfAbsent(bytes("new"), key, options));
        refused(() -> store.replace(key, key, revision, options));
        refused(() -> store.putAll(List.of(record)));
        refused(() -> typed.put("k", "k", options));
        refused(() -> typed.putAll(Map.of("k", "k"), options));
        Support.failure(UnsupportedException.class, store.async().put(key, key, options));
        Support.failure(UnsupportedException.class, store.async().putIfAbsent(bytes("new"), key, options));
        Support.failure(UnsupportedException.class, store.async().replace(key, key, revision, options));
        Support.failure(UnsupportedException.class, store.async().putAll(List.of(record)));
        Support.failure(UnsupportedException.class, typed.async().put("k", "k", options));
      }
      assertEquals("v", typed.get("k"));
      assertEquals(1, store.size());
    }
  }

  private static void refused(org.junit.jupiter.api.function.Executable write) {
    assertEquals("durability", assertThrows(UnsupportedException.class, write).source());
  }

  @Test
  void ofManyRecordsEachHasItsDurability() {
    try (Larder larder = Larder.open("memory://")) {
      BatchException failure = assertThrows(BatchException.class, () -> larder.store().putAll(List.of(
          KeyValue.of(bytes("a"), bytes("1"), PutOptions.durability(Durability.replicas(2))),
          KeyValue.of(bytes("b"), bytes("2"), PutOptions.durability(Durability.NONE)),
          KeyValue.of(bytes("c"), bytes("3")))));
      assertEquals(
          List.of(Status.UNSUPPORTED, Status.OK, Status.OK), failure.outcomes().stream().map(Outcome::status).toList());
    }
  }

  @Test
  void optionsKeepTheDurabilityAndANumberOutOfRangeIsRefused() {
    PutOptions options = PutOptions.durability(Durability.replicas(2)).withUnlimitedLifespan().withMetadata("m", bytes("x"));
    assertEquals(Durability.replicas(2), options.withUnlimitedMaxIdle().durability());
    assertEquals(Durability.DEFAULT, PutOptions.none().durability());
    assertNotEquals(Durability.ALL, Durability.NONE);
    assertEquals("2 replicas", options.durability().toString());
    for (int count : new int[] {Integer.MIN_VALUE, -2, -1, 0, 256, Integer.MAX_VALUE}) {
      assertThrows(InvalidArgumentException.class, () -> Durability.replicas(count));
    }
    try (Larder larder = Larder.open("noop://")) {
      larder.store().put(bytes("k"), bytes("v"), PutOptions.durability(Durability.replicas(255)));
      larder.store().put(bytes("k"), bytes("v"), PutOptions.durability(Durability.ALL));
    }
  }

  @Test
  void aWriteWhoseOutcomeIsNotKnownMayHaveHappened() {
    try (Larder larder = Larder.open("fault://")) {
      Store store = larder.store();
      byte[] key = bytes("error:AMBIGUOUS:k");
      AmbiguousException failure = assertThrows(AmbiguousException.class, () -> store.put(key, bytes("v")));
      assertEquals(Status.AMBIGUOUS, failure.status());
      assertFalse(failure.isRetryable());
      assertThrows(AmbiguousException.class, () -> store.putIfAbsent(key, bytes("v")));
      assertThrows(AmbiguousException.class, () -> store.putAll(List.of(KeyValue.of(key, bytes("v")))));
      assertThrows(AmbiguousException.class, () -> store.remove(bytes("error:AMBIGUOUS:other")));
      Support.failure(AmbiguousException.class, store.async().put(key, bytes("v")));
      // A filter that names no fault shows that the record is there.
      assertEquals(1, store.list(ListOptions.all()).size());
      assertThrows(AuthenticationException.class, () -> store.get(bytes("error:AUTH:k")));
      Support.failure(AuthenticationException.class, store.async().get(bytes("error:AUTH:k")));
    }
  }
}
