package io.larder;

import static io.larder.Support.bytes;
import static io.larder.Support.get;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.type.TypeReference;
import io.larder.codec.JsonCodec;
import io.larder.codec.MessagePackCodec;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Typed stores and their codecs. */
class TypedStoreTest {
  record Person(String name, int born, List<String> languages) {}

  private static final Person ADA = new Person("Ada", 1815, List.of("en", "fr"));

  @ParameterizedTest
  @ValueSource(strings = {"memory", "fault"})
  void everyOperationWorksOnTypes(String type) throws Exception {
    try (Larder larder = Larder.open(type + "://")) {
      TypedStore<String, Person> store = larder.store().typed(Codecs.string(), JsonCodec.of(Person.class));
      long revision = store.put("ada", ADA, PutOptions.lifespan(Duration.ofMinutes(1)));
      assertEquals(ADA, store.get("ada"));
      assertNull(store.get("bob"));
      assertEquals(revision, store.getEntry("ada").orElseThrow().revision());
      assertEquals("ada", store.getEntry("ada").orElseThrow().key());
      assertEquals(Map.of("ada", ADA), store.getAll(List.of("ada", "bob")));
      assertTrue(store.contains("ada"));
      assertEquals(Status.CONFLICT, store.putIfAbsent("ada", ADA, PutOptions.none()).status());
      assertTrue(store.replace("ada", ADA, revision, PutOptions.none()).isDone());
      assertEquals(2, store.putAll(Map.of("b", ADA, "c", ADA), PutOptions.none()).size());
      assertEquals(List.of("ada", "b", "c"), store.keys(ListOptions.all()));
      assertEquals(ADA, store.list(ListOptions.prefix(bytes("b"))).get(0).value());
      assertEquals(ADA, store.cursor(ListOptions.all()).next().value());
      assertTrue(store.touch("b", PutOptions.lifespan(Duration.ofMinutes(2))));
      assertTrue(store.remove("b").isDone());
      assertEquals(Status.CONFLICT, store.remove("c", 0).status());
      assertEquals(1, store.removeAll(List.of("c", "d")));
      assertEquals(1, store.size());
      assertEquals(1, store.clear());

      AsyncTypedStore<String, Person> async = store.async();
      get(async.put("ada", ADA, PutOptions.none()));
      assertEquals(ADA, get(async.get("ada")));
      assertNull(get(async.get("bob")));
      assertEquals(ADA, get(async.getEntry("ada")).orElseThrow().value());
      assertEquals(Map.of("ada", ADA), get(async.getAll(List.of("ada", "bob"))));
      assertEquals(Status.CONFLICT, get(async.putIfAbsent("ada", ADA, PutOptions.none())).status());
      assertTrue(get(async.putAll(Map.of("b", ADA), PutOptions.none())).get(0).isDone());
      assertEquals(List.of("ada", "b"), get(async.keys(ListOptions.all())));
      assertEquals(2, get(async.list(ListOptions.all())).size());
      assertTrue(get(async.contains("b")) && get(async.touch("b", PutOptions.none())));
      assertEquals(Status.CONFLICT, get(async.replace("b", ADA, 0, PutOptions.none())).status());
      assertEquals(Status.CONFLICT, get(async.remove("b", 0)).status());
      assertTrue(get(async.remove("b")).isDone());
      assertEquals(1, get(async.removeAll(List.of("ada"))));
      assertEquals(0, get(async.size()) + get(async.clear()));
    }
  }

  @Test
  void messagePackAndGenericTypesComeBack() {
    Codec<Person> person = MessagePackCodec.of(Person.class);
    assertEquals(ADA, person.decode(person.encode(ADA)));
    Codec<Map<String, List<Integer>>> map = MessagePackCodec.of(new TypeReference<Map<String, List<Integer>>>() {});
    assertEquals(Map.of("a", List.of(1, 2)), map.decode(map.encode(Map.of("a", List.of(1, 2)))));
    Codec<List<String>> list = JsonCodec.of(new TypeReference<List<String>>() {});
    assertArrayEquals(bytes("[\"x\"]"), list.encode(List.of("x")));
  }

  @Test
  void bytesThatACodecCannotReadAreCorrupt() {
    try (Larder larder = Larder.open("memory://")) {
      Store store = larder.store();
      store.put(bytes("k"), new byte[] {(byte) 0xff, (byte) 0xfe});
      CorruptException text =
          assertThrows(CorruptException.class, () -> store.typed(Codecs.string(), Codecs.string()).get("k"));
      assertEquals(Status.CORRUPT, text.status());
      TypedStore<String, Person> typed = store.typed(Codecs.string(), JsonCodec.of(Person.class));
      assertThrows(CorruptException.class, () -> typed.get("k"));
      Support.failure(CorruptException.class, typed.async().get("k"));
      assertThrows(CorruptException.class, () -> JsonCodec.of(Person.class).decode(bytes("null")));
      assertThrows(CorruptException.class, () -> Codecs.string().encode("half a pair: \ud800"));
      for (String whole : List.of("", "why?", "\ufffd itself", "ä€\ud83d\ude00", "?\ud83d\ude00")) {
        assertEquals(whole, Codecs.string().decode(Codecs.string().encode(whole)));
      }
    }
  }

  @Test
  void watchesTellTypedEvents() {
    try (Larder larder = Larder.open("memory://")) {
      TypedStore<String, String> store = larder.store().typed(Codecs.string(), Codecs.string());
      try (Watch<String, String> watch = store.watch(WatchOptions.now())) {
        store.put("k", "v");
        Event<String, String> event = watch.take();
        assertEquals(Event.Kind.CREATED, event.kind());
        assertEquals("v", event.entry().orElseThrow().value());
      }
    }
  }
}
