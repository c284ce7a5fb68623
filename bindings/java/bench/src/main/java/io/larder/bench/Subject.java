package io.larder.bench;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.larder.Larder;
import io.larder.PutOptions;
import io.larder.Store;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What is measured: each holds entries with a lifespan of their own. */
interface Subject extends AutoCloseable {
  Object get(int key);

  void put(int key, byte[] value);

  int getAll(int[] keys, int from, int count);

  @Override
  void close();

  static Subject of(String name, int keys) {
    return switch (name) {
      case "larder" -> new LarderBytes(keys);
      case "caffeine-wrapped" -> new CaffeineWrapped(keys);
      case "caffeine-string" -> new CaffeineString(keys);
      default -> throw new IllegalArgumentException(name);
    };
  }

  Duration LIFESPAN = Duration.ofHours(1);

  /** A value that knows how long it lives, as an {@link Expiry} for each entry needs it. */
  record Timed(byte[] value, long lifespanNanos) {}

  /** Larder's memory store. */
  final class LarderBytes implements Subject {
    private final Larder larder;
    private final Store store;
    private final byte[][] keys;
    private final PutOptions options = PutOptions.lifespan(LIFESPAN);

    LarderBytes(int count) {
      larder = Larder.open("memory://?max_entries=" + 2L * count);
      store = larder.store();
      keys = Keys.bytes(count);
    }

    @Override
    public Object get(int key) {
      return store.get(keys[key]);
    }

    @Override
    public void put(int key, byte[] value) {
      store.put(keys[key], value, options);
    }

    @Override
    public int getAll(int[] order, int from, int count) {
      List<byte[]> wanted = new ArrayList<>(count);
      for (int index = from; index < from + count; index++) {
        wanted.add(keys[order[index]]);
      }
      return store.getAll(wanted).size();
    }


    @Override
    public void close() {
      larder.close();
    }
  }

  /** An expiry for each entry. */
  final class PerEntry<K> implements Expiry<K, Timed> {
    @Override
    public long expireAfterCreate(K key, Timed value, long currentTime) {
      return value.lifespanNanos();
    }

    @Override
    public long expireAfterUpdate(K key, Timed value, long currentTime, long currentDuration) {
      return value.lifespanNanos();
    }

    @Override
    public long expireAfterRead(K key, Timed value, long currentTime, long currentDuration) {
      return currentDuration;
    }
  }

  /** Caffeine with keys of some type. */
  abstract class CaffeineAny<K> implements Subject {
    private final Cache<K, Timed> cache;

    CaffeineAny(int count) {
      cache = Caffeine.newBuilder().maximumSize(2L * count).expireAfter(new PerEntry<K>()).build();
    }

    /** The key as a caller has it, who begins with bytes or text. */
    abstract K key(int key);

    @Override
    public Object get(int key) {
      return cache.getIfPresent(key(key));
    }

    @Override
    public void put(int key, byte[] value) {
      cache.put(key(key), new Timed(value, LIFESPAN.toNanos()));
    }

    @Override
    public int getAll(int[] order, int from, int count) {
      List<K> wanted = new ArrayList<>(count);
      for (int index = from; index < from + count; index++) {
        wanted.add(key(order[index]));
      }
      Map<K, Timed> found = cache.getAllPresent(wanted);
      return found.size();
    }

    @Override
    public void close() {
      cache.invalidateAll();
    }
  }

  /** Caffeine with keys of bytes, which a record wraps for each call, as a caller who has bytes does. */
  final class CaffeineWrapped extends CaffeineAny<Keys.Wrapped> {
    private final byte[][] keys;

    CaffeineWrapped(int count) {
      super(count);
      keys = Keys.bytes(count);
    }

    @Override
    Keys.Wrapped key(int key) {
      return Keys.Wrapped.of(keys[key]);
    }
  }

  /** Caffeine with text as keys, which know their hash already. */
  final class CaffeineString extends CaffeineAny<String> {
    private final String[] keys;

    CaffeineString(int count) {
      super(count);
      byte[][] bytes = Keys.bytes(count);
      keys = new String[count];
      for (int index = 0; index < count; index++) {
        keys[index] = new String(bytes[index], StandardCharsets.US_ASCII);
      }
    }

    @Override
    String key(int key) {
      return keys[key];
    }
  }

  /** Fills a subject with every key. */
  static void fill(Subject subject, int keys) {
    for (int key = 0; key < keys; key++) {
      subject.put(key, Keys.value(key));
    }
  }

  /** Nothing is measured that is not there. */
  static void check(Subject subject, int keys) {
    Map<Integer, Object> missing = new HashMap<>();
    for (int key = 0; key < keys; key += 97) {
      if (subject.get(key) == null) {
        missing.put(key, "missing");
      }
    }
    if (missing.size() > keys / 97 / 100) {
      throw new IllegalStateException(missing.size() + " keys are missing in " + subject.getClass());
    }
  }
}
