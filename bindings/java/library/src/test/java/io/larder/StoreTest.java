package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.text;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the byte store does beyond the contract: sizes around the slots, options, Java's own conventions. */
class StoreTest {
  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void valuesOfEverySizeComeBackAsTheyWere(String type) {
    int part = Slots.PART;
    int[] sizes = {0, 1, 7, 100, 4095, 4096, 4097, 16 << 10, part - 9, part - 8, part - 7, part, part + 1, 1 << 20};
    try (Larder larder = Larder.open(type + "://")) {
      Store store = larder.store();
      Random random = new Random(1);
      for (int size : sizes) {
        byte[] key = bytes("key of " + size);
        byte[] value = new byte[size];
        random.nextBytes(value);
        long revision = store.put(key, value);
        assertArrayEquals(value, store.get(key), () -> "get of " + size);
        Entry<byte[], byte[]> entry = store.getEntry(key).orElseThrow();
        assertArrayEquals(value, entry.value(), () -> "getEntry of " + size);
        assertArrayEquals(key, entry.key());
        assertEquals(revision, entry.revision());
        assertArrayEquals(value, store.getAll(List.of(key)).get(0), () -> "getAll of " + size);
        assertArrayEquals(value, store.async().get(key).join(), () -> "future of " + size);
        byte[] buffer = new byte[size + 3];
        assertEquals(new Reading(Status.OK, size, revision), store.getInto(key, buffer));
        assertArrayEquals(value, Arrays.copyOf(buffer, size));
        if (size > 0) {
          byte[] small = new byte[size - 1];
          assertEquals(new Reading(Status.BUFFER_TOO_SMALL, size, revision), store.getInto(key, small));
          assertArrayEquals(new byte[size - 1], small);
        }
      }
      assertEquals(sizes.length, store.size());
      assertEquals(sizes.length, store.list(ListOptions.all()).size());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void keysOfEverySizeFindTheirRecord(String type) {
    try (Larder larder = Larder.open(type + "://")) {
      Store store = larder.store();
      for (int size : new int[] {0, 1, 65_535, 65_536, 65_537, 1 << 20}) {
        byte[] key = new byte[size];
        Arrays.fill(key, (byte) 0xfe);
        store.put(key, bytes("value of " + size));
        assertEquals("value of " + size, text(store.get(key)));
        assertTrue(store.contains(key));
        assertEquals("value of " + size, text(store.getAll(List.of(key, bytes("none"))).get(0)));
        assertTrue(store.remove(key).isDone());
        assertNull(store.get(key));
      }
    }
  }

  @Test
  void aValueOfAHundredMebibytesComesBackAsItWas() throws Exception {
    byte[] value = new byte[100 << 20];
    new Random(2).nextBytes(value);
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      store.put(bytes("k"), value);
      assertTrue(Arrays.equals(value, store.get(bytes("k"))));
      assertTrue(Arrays.equals(value, store.getEntry(bytes("k")).orElseThrow().value()));
    }
    try (Larder larder = Larder.open("fault://")) {
      AsyncStore store = larder.store().async();
      Support.get(store.put(bytes("k"), value));
      assertTrue(Arrays.equals(value, Support.get(store.get(bytes("k")))));
    }
  }

  @Test
  void bulkReadsThatDoNotFitIntoASlotAnswerTheSame() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      for (int count : new int[] {0, 1, 16, 100, 1000, 20_000}) {
        List<byte[]> keys = new java.util.ArrayList<>();
        for (int index = 0; index < count; index++) {
          keys.add(bytes("key-" + index));
          if (index % 3 != 0) {
            store.put(keys.get(index), bytes("value of " + index));
          }
        }
        List<byte[]> values = store.getAll(keys);
        assertEquals(count, values.size());
        for (int index = 0; index < count; index++) {
          assertEquals(index % 3 == 0 ? null : "value of " + index, text(values.get(index)));
        }
      }
    }
  }

  @Test
  void noopTakesEverythingAndHoldsNothing() {
    try (Larder larder = Larder.open("noop://")) {
      Store store = larder.store();
      store.put(bytes("k"), bytes("v"));
      assertNull(store.get(bytes("k")));
      assertEquals(0, store.size());
      assertTrue(store.putIfAbsent(bytes("k"), bytes("v")).isDone());
      assertEquals(Status.NOT_FOUND, store.replace(bytes("k"), bytes("v"), 1).status());
      assertTrue(store.keys(ListOptions.all()).isEmpty());
    }
  }

  @Test
  void lifespanMaxIdleAndMetadataComeBack() {
    try (Larder larder = Larder.open("memory://?lifespan=1h")) {
      Store store = larder.store();
      PutOptions options =
          PutOptions.lifespan(Duration.ofMinutes(5)).withMaxIdle(Duration.ofMinutes(1)).withMetadata("b", bytes("2"));
      store.put(bytes("k"), bytes("v"), options.withMetadata(Map.of("a", bytes("1"))));
      Entry<byte[], byte[]> entry = store.getEntry(bytes("k")).orElseThrow();
      assertEquals(Duration.ofMinutes(1), entry.maxIdle().orElseThrow());
      assertTrue(entry.expiresIn().orElseThrow().compareTo(Duration.ofMinutes(1)) <= 0);
      assertEquals(List.of("a", "b"), List.copyOf(entry.metadata().keySet()));
      assertThrows(UnsupportedOperationException.class, () -> entry.metadata().clear());
      store.put(bytes("k"), bytes("v"));
      assertTrue(store.getEntry(bytes("k")).orElseThrow().expiresIn().orElseThrow().toMinutes() >= 59);
      store.put(bytes("k"), bytes("v"), PutOptions.none().withUnlimitedLifespan());
      assertTrue(store.getEntry(bytes("k")).orElseThrow().expiresIn().isEmpty());
    }
  }

  @Test
  void aRecordIsGoneWhenItsLifespanEnds() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      store.put(bytes("k"), bytes("v"), Duration.ofMillis(30));
      Thread.sleep(300);
      assertNull(store.get(bytes("k")));
      assertFalse(store.contains(bytes("k")));
      assertNull(store.getAll(List.of(bytes("k"))).get(0));
    }
  }

  @Test
  void aBatchTellsEachRecordsFate() {
    try (Larder larder = Larder.open("memory://?max_bytes=1MiB")) {
      Store store = larder.store();
      List<Outcome> outcomes = store.putAll(List.of(KeyValue.of(bytes("a"), bytes("1")), KeyValue.of(bytes("b"), bytes("2"))));
      assertTrue(outcomes.stream().allMatch(Outcome::isDone));
      byte[] tooLarge = new byte[4 << 20];
      BatchException failure = assertThrows(BatchException.class, () ->
          store.putAll(List.of(KeyValue.of(bytes("c"), bytes("3")), KeyValue.of(bytes("d"), tooLarge))));
      assertEquals(Status.TOO_LARGE, failure.status());
      assertEquals(List.of(Status.OK, Status.TOO_LARGE), failure.outcomes().stream().map(Outcome::status).toList());
      assertEquals("3", text(store.get(bytes("c"))));
    }
  }

  @Test
  void aCursorGivesEveryRecordInOrderAsAnIterator() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      for (int index = 0; index < 1000; index++) {
        store.put(bytes(String.format("key-%04d", index)), bytes("v" + index));
      }
      int index = 0;
      try (Cursor<byte[], byte[]> cursor = store.cursor(ListOptions.prefix(bytes("key-")))) {
        while (cursor.hasNext()) {
          assertEquals(String.format("key-%04d", index++), text(cursor.next().key()));
        }
        assertThrows(java.util.NoSuchElementException.class, cursor::next);
      }
      assertEquals(1000, index);
    }
  }

  @Test
  void whatACursorReadAheadIsGivenByWhateverReadsNext() throws Exception {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      for (int index = 0; index < 1000; index++) {
        store.put(bytes(String.format("key-%04d", index)), bytes("v" + index));
      }
      List<String> keys = new ArrayList<>();
      Cursor<byte[], byte[]> cursor = store.cursor(ListOptions.all());
      for (int round = 0; round < 20; round++) {
        assertTrue(cursor.hasNext());
        cursor.next(7).forEach(entry -> keys.add(text(entry.key())));
        Support.get(cursor.nextAsync(300)).forEach(entry -> keys.add(text(entry.key())));
        if (!cursor.hasNext()) {
          break;
        }
        keys.add(text(cursor.next().key()));
      }
      assertEquals(IntStream.range(0, 1000).mapToObj(index -> String.format("key-%04d", index)).toList(), keys);
      assertEquals(List.of(), cursor.next(1));
    }
  }

  @Test
  void aClosedCursorGivesNothingThatItReadAhead() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      store.put(bytes("k"), bytes("v"));
      Cursor<byte[], byte[]> cursor = store.cursor(ListOptions.all());
      assertTrue(cursor.hasNext());
      cursor.close();
      assertThrows(ClosedException.class, cursor::hasNext);
      assertThrows(ClosedException.class, cursor::next);
      assertThrows(ClosedException.class, () -> cursor.next(1));
      assertThrows(ClosedException.class, () -> cursor.nextAsync(1));
    }
  }

  @Test
  void databasesAndTablesAreApart() {
    try (Larder larder = Larder.open("memory://")) {
      Store one = larder.store(Larder.DEFAULT_STORE, "d", "t");
      Store other = larder.store(Larder.DEFAULT_STORE, "d", "\u0000t");
      one.put(bytes("k"), bytes("1"));
      assertNull(other.get(bytes("k")));
      assertEquals("1", text(larder.store("default", "d", "t").get(bytes("k"))));
      assertEquals(1, one.clear());
    }
  }

  @Test
  void aConfigurationCanBeAFile(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("larder with spaces.toml");
    Files.writeString(file, "[stores.sessions]\ntype = \"memory\"\n");
    try (Larder larder = Larder.open(file)) {
      larder.store("sessions").ping();
      NoSuchStoreException failure = assertThrows(NoSuchStoreException.class, () -> larder.store("session"));
      assertTrue(failure.getMessage().contains("sessions"), failure.getMessage());
    }
    assertEquals(Status.IO, assertThrows(LarderException.class, () -> Larder.open(directory.resolve("no"))).status());
  }

  @Test
  void whatIsWrongWithAConfigurationIsNamed() {
    ConfigurationException failure =
        assertThrows(ConfigurationException.class, () -> Larder.open("memory://?max_entires=5"));
    assertEquals("max_entires", failure.source());
    assertTrue(failure.getMessage().contains("max_entries"), failure.getMessage());
    assertFalse(failure.isRetryable());
    assertThrows(ConfigurationException.class, () -> Larder.builder().open());
  }

  @Test
  void statisticsCountAndDescriptionsDescribe() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      store.put(bytes("k"), bytes("v"));
      store.get(bytes("k"));
      store.get(bytes("none"));
      Statistics statistics = store.statistics();
      assertEquals(List.of(1L, 1L, 1L, 1L), List.of(
          statistics.hits(), statistics.misses(), statistics.puts(), statistics.entries()));
      assertEquals(0.5, statistics.hitRatio());
      assertTrue(store.describe().contains("\"memory\""), store.describe());
      assertTrue(larder.describe().contains("\"default\""), larder.describe());
      assertTrue(Larder.version().matches("\\d+\\.\\d+\\.\\d+.*"));
      assertTrue(store.isImmediate());
    }
  }
}
