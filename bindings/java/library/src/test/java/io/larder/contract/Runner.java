package io.larder.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.larder.AsyncStore;
import io.larder.ClosedException;
import io.larder.Cursor;
import io.larder.Entry;
import io.larder.Event;
import io.larder.KeyValue;
import io.larder.Larder;
import io.larder.LarderException;
import io.larder.ListOptions;
import io.larder.Outcome;
import io.larder.Reading;
import io.larder.Store;
import io.larder.Watch;
import io.larder.WatchOptions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Runs one case of the contract on one store type, in one way. */
final class Runner implements AutoCloseable {
  private static final long LONG_WAIT_MS = 20_000;

  private final Way way;
  private final Kind kind;
  private final String prefix;
  private final Larder larder;

  /** Whether values are read by their own methods too, which a case that counts reads does not allow. */
  private final boolean readsTwice;

  private final Map<String, Store> stores = new HashMap<>();
  private final Map<String, Cursor<byte[], byte[]>> cursors = new HashMap<>();
  private final Map<String, Integer> pages = new HashMap<>();
  private final Map<String, Watch<byte[], byte[]>> watches = new HashMap<>();
  private final Map<String, Long> saved = new HashMap<>();

  Runner(Way way, Kind kind, JsonNode example) {
    this.way = way;
    this.kind = kind;
    this.prefix = kind.newPrefix();
    this.readsTwice = !example.get("steps").toString().contains("\"op\":\"statistics\"");
    ObjectNode document = new ObjectMapper().createObjectNode();
    document.putObject("stores").set("default", kind.section(example, prefix));
    this.larder = Larder.open(document.toString());
    stores.put("main", larder.store());
    example.path("handles").properties().forEach(field -> {
      JsonNode names = field.getValue();
      stores.put(field.getKey(), larder.store("default", text(names, "database"), text(names, "table")));
    });
  }

  @Override
  public void close() {
    cursors.values().forEach(Cursor::close);
    watches.values().forEach(Watch::close);
    stores.values().forEach(Store::close);
    larder.close();
  }

  void step(JsonNode step) throws Exception {
    Reply reply;
    try {
      reply = carryOut(step);
    } catch (LarderException failure) {
      reply = Reply.failure(failure);
    }
    JsonNode expected = step.path("expect");
    new Expectation(saved).check(expected, reply, step.path("order").asText("exact").equals("any"));
    if (step.has("save")) {
      saved.put(step.get("save").textValue(), reply.revision);
    }
  }

  private Reply carryOut(JsonNode step) throws Exception {
    Store store = stores.get(step.path("on").asText("main"));
    if (step.has("timeout_ms")) {
      store = store.withTimeout(Duration.ofMillis(step.get("timeout_ms").longValue()));
    }
    String operation = step.get("op").textValue();
    return switch (operation) {
      case "get", "get_into", "get_many", "contains", "list", "read", "size", "statistics", "ping", "describe" ->
          read(operation, step, store);
      case "put", "put_many", "put_if_absent", "replace", "remove", "remove_revision", "remove_many", "touch", "clear" ->
          write(operation, step, store);
      case "cursor_open", "cursor_read" -> cursor(operation, step, store);
      case "watch_open", "watch_read", "watch_quiet", "watch_skip_to", "watch_close", "watch_ended" ->
          watch(operation, step, store);
      case "sleep" -> {
        Thread.sleep(step.get("ms").longValue());
        yield Reply.ok();
      }
      case "close_store" -> {
        store.close();
        yield Reply.ok();
      }
      case "close_larder" -> {
        larder.close();
        yield Reply.ok();
      }
      case "open" -> {
        Larder.open(step.get("config").textValue()).close();
        yield Reply.ok();
      }
      case "open_store" -> {
        larder.store(step.get("name").textValue(), text(step, "database"), text(step, "table")).close();
        yield Reply.ok();
      }
      default -> throw new AssertionError("the operation " + operation + " is not known");
    };
  }

  private Reply read(String operation, JsonNode step, Store store) {
    AsyncStore async = store.async();
    return switch (operation) {
      case "get" -> {
        byte[] key = Values.bytes(step.get("key"));
        Optional<Entry<byte[], byte[]>> entry = way.call(() -> store.getEntry(key), () -> async.getEntry(key));
        if (readsTwice) {
          byte[] value = way.call(() -> store.get(key), () -> async.get(key));
          assertArrayEquals(entry.map(Entry::value).orElse(null), value, "get and getEntry differ");
        }
        yield entry.map(Reply::entry).orElseGet(() -> Reply.found(false));
      }
      case "get_into" -> getInto(step, store);
      case "get_many" -> {
        List<byte[]> keys = Values.list(step.get("keys"));
        List<Entry<byte[], byte[]>> entries = way.call(() -> store.getEntries(keys), () -> async.getEntries(keys));
        if (readsTwice) {
          List<byte[]> values = way.call(() -> store.getAll(keys), () -> async.getAll(keys));
          for (int index = 0; index < keys.size(); index++) {
            Entry<byte[], byte[]> entry = entries.get(index);
            assertArrayEquals(entry == null ? null : entry.value(), values.get(index), "getAll and getEntries differ");
          }
        }
        yield Reply.records(entries);
      }
      case "contains" -> {
        byte[] key = Values.bytes(step.get("key"));
        yield Reply.found(way.call(() -> store.contains(key), () -> async.contains(key)));
      }
      case "list" -> {
        ListOptions options = Values.listOptions(step);
        yield Reply.records(way.call(() -> store.keyEntries(options), () -> async.keyEntries(options)));
      }
      case "read" -> {
        ListOptions options = Values.listOptions(step);
        yield Reply.records(way.call(() -> store.list(options), () -> async.list(options)));
      }
      case "size" -> Reply.number(way.call(store::size, async::size));
      case "statistics" -> {
        Reply reply = Reply.ok();
        reply.statistics = way.call(store::statistics, async::statistics);
        yield reply;
      }
      case "describe" -> {
        Reply reply = Reply.ok();
        reply.description = store.describe();
        yield reply;
      }
      default -> {
        way.<Void>call(
            () -> {
              store.ping();
              return null;
            },
            async::ping);
        yield Reply.ok();
      }
    };
  }

  private Reply getInto(JsonNode step, Store store) {
    byte[] key = Values.bytes(step.get("key"));
    byte[] buffer = new byte[step.get("capacity").intValue()];
    Reading reading = store.getInto(key, buffer);
    Reply reply = Reply.of(new Outcome(reading.status(), reading.revision()));
    reply.length = (long) reading.length();
    if (reading.isRead()) {
      reply.value = java.util.Arrays.copyOf(buffer, reading.length());
    }
    return reply;
  }

  private Reply write(String operation, JsonNode step, Store store) {
    AsyncStore async = store.async();
    byte[] key = step.has("key") ? Values.bytes(step.get("key")) : null;
    byte[] value = step.has("value") ? Values.bytes(step.get("value")) : null;
    var options = Values.putOptions(step);
    return switch (operation) {
      case "put" ->
          Reply.revision(way.call(() -> store.put(key, value, options), () -> async.put(key, value, options)));
      case "put_if_absent" ->
          Reply.of(
              way.call(() -> store.putIfAbsent(key, value, options), () -> async.putIfAbsent(key, value, options)));
      case "replace" -> {
        long expected = Values.revision(step.get("revision"), saved);
        yield Reply.of(
            way.call(
                () -> store.replace(key, value, expected, options),
                () -> async.replace(key, value, expected, options)));
      }
      case "put_many" -> putMany(step, store);
      case "remove" -> Reply.of(way.call(() -> store.remove(key), () -> async.remove(key)));
      case "remove_revision" -> {
        long expected = Values.revision(step.get("revision"), saved);
        yield Reply.of(way.call(() -> store.remove(key, expected), () -> async.remove(key, expected)));
      }
      case "remove_many" -> {
        List<byte[]> keys = Values.list(step.get("keys"));
        yield Reply.number(way.call(() -> store.removeAll(keys), () -> async.removeAll(keys)));
      }
      case "touch" -> Reply.found(way.call(() -> store.touch(key, options), () -> async.touch(key, options)));
      default -> Reply.number(way.call(store::clear, async::clear));
    };
  }

  private Reply putMany(JsonNode step, Store store) {
    List<KeyValue> records = new ArrayList<>();
    for (JsonNode node : step.get("records")) {
      records.add(
          KeyValue.of(Values.bytes(node.get("key")), Values.bytes(node.get("value")), Values.putOptions(node)));
    }
    Reply reply = Reply.ok();
    reply.outcomes = way.call(() -> store.putAll(records), () -> store.async().putAll(records));
    for (int index = 0; index < records.size(); index++) {
      JsonNode name = step.get("records").get(index).path("save");
      if (name.isTextual()) {
        saved.put(name.textValue(), reply.outcomes.get(index).revision());
      }
    }
    return reply;
  }

  private Reply cursor(String operation, JsonNode step, Store store) {
    String name = step.get("cursor").textValue();
    if (operation.equals("cursor_open")) {
      ListOptions options = Values.listOptions(step);
      boolean isWhole = step.path("projection").asText("keys").equals("records");
      cursors.put(
          name,
          way.call(
              () -> isWhole ? store.cursor(options) : store.keyCursor(options),
              () -> isWhole ? store.async().cursor(options) : store.async().keyCursor(options)));
      pages.put(name, step.get("page").intValue());
      return Reply.ok();
    }
    Cursor<byte[], byte[]> cursor = cursors.get(name);
    int count = step.path("count").asInt(Integer.MAX_VALUE);
    List<Entry<byte[], byte[]>> read = new ArrayList<>();
    while (read.size() < count) {
      int most = Math.min(pages.get(name), count - read.size());
      List<Entry<byte[], byte[]>> page = way.call(() -> cursor.next(most), () -> cursor.nextAsync(most));
      if (page.isEmpty()) {
        break;
      }
      read.addAll(page);
    }
    return Reply.records(read);
  }

  private Reply watch(String operation, JsonNode step, Store store) {
    String name = step.get("watch").textValue();
    if (operation.equals("watch_open")) {
      boolean fromExisting = step.path("start").asText("now").equals("existing");
      WatchOptions start = fromExisting ? WatchOptions.existing() : WatchOptions.now();
      WatchOptions capable = start.withCapacity(step.path("capacity").intValue());
      WatchOptions options = step.has("prefix") ? capable.withPrefix(Values.bytes(step.get("prefix"))) : capable;
      watches.put(name, way.call(() -> store.watch(options), () -> store.async().watch(options)));
      return Reply.ok();
    }
    Watch<byte[], byte[]> watch = watches.get(name);
    long end = System.nanoTime() + Duration.ofMillis(step.path("wait_ms").asLong(LONG_WAIT_MS)).toNanos();
    return switch (operation) {
      case "watch_read" -> {
        List<Event<byte[], byte[]>> events = new ArrayList<>();
        int count = step.get("expect").get("events").size();
        while (events.size() < count && System.nanoTime() < end) {
          events.addAll(next(watch, count - events.size(), end));
        }
        yield Reply.events(events);
      }
      case "watch_quiet" -> {
        List<Event<byte[], byte[]>> events = watch.next(1, Duration.ofMillis(step.get("ms").longValue()));
        if (!events.isEmpty()) {
          throw new AssertionError("an event came: " + events);
        }
        yield Reply.ok();
      }
      case "watch_skip_to" -> {
        int missing = step.path("count").asInt(1);
        while (missing > 0) {
          List<Event<byte[], byte[]>> events = next(watch, 1, end);
          if (events.isEmpty()) {
            throw new AssertionError(missing + " events are missing");
          }
          String kind = events.get(0).kind().name().toLowerCase(Locale.ROOT);
          missing -= kind.equals(step.get("kind").textValue()) ? 1 : 0;
        }
        yield Reply.ok();
      }
      case "watch_close" -> {
        watch.close();
        yield Reply.ok();
      }
      default -> {
        try {
          throw new AssertionError("the watch has not ended, and gave " + next(watch, 1, end));
        } catch (ClosedException ended) {
          yield Reply.found(true);
        }
      }
    };
  }

  private List<Event<byte[], byte[]>> next(Watch<byte[], byte[]> watch, int most, long end) {
    Duration left = Duration.ofNanos(Math.max(1, end - System.nanoTime()));
    return way.call(
        () -> watch.next(most, left),
        () -> watch.nextAsync(most).orTimeout(left.toMillis() + 1, java.util.concurrent.TimeUnit.MILLISECONDS));
  }

  /** A database or table, as it is called on the servers. */
  private String text(JsonNode object, String field) {
    if (!object.has(field)) {
      return null;
    }
    String given = new String(Values.bytes(object.get(field)), StandardCharsets.UTF_8);
    return kind.prefixed().equals(field) ? prefix + given : given;
  }
}
