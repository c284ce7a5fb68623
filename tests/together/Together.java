import io.larder.Codecs;
import io.larder.Entry;
import io.larder.Larder;
import io.larder.PutOptions;
import io.larder.Store;
import io.larder.TypedStore;
import io.larder.codec.JsonCodec;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * One of three programs, each in a language of its own, that share the records of one store: {@code Together CONFIG STEP}. The
 * steps: {@code write} its records, {@code check} those of all three, {@code count} together with the others.
 */
public final class Together {
  private static final String ME = "java";
  private static final int INCREMENTS = 200;
  private static final Duration LIFESPAN = Duration.ofHours(1);

  /**
   * What is kept as JSON.
   *
   * @param name the name
   * @param born the year
   */
  public record Person(String name, int born) {}

  private static final Person ADA = new Person("Ada Lovelace", 1815);

  private Together() {}

  private static byte[] everyByte() {
    byte[] value = new byte[256];
    for (int number = 0; number < value.length; number++) {
      value[number] = (byte) number;
    }
    return value;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static TypedStore<String, Person> people(Store store) {
    return store.typed(Codecs.string(), JsonCodec.of(Person.class));
  }

  private static void write(Store store) {
    PutOptions options = PutOptions.lifespan(LIFESPAN).withMetadata("written by", bytes(ME));
    store.put(bytes("bytes/" + ME), everyByte(), options);
    people(store).put("person/" + ME, ADA, options);
  }

  private static void must(boolean isSo, String what) {
    if (!isSo) {
      throw new AssertionError(what);
    }
  }

  private static void check(Store store) {
    for (String writer : List.of("c", "go", "java")) {
      Entry<byte[], byte[]> entry = store.getEntry(bytes("bytes/" + writer)).orElseThrow();
      must(Arrays.equals(entry.value(), everyByte()), "the bytes of " + writer);
      must(Arrays.equals(entry.metadata().get("written by"), bytes(writer)), "the metadata of " + writer);
      Duration left = entry.expiresIn().orElseThrow();
      must(left.compareTo(LIFESPAN) <= 0 && left.compareTo(LIFESPAN.dividedBy(2)) > 0, "the lifespan of " + writer);
      must(ADA.equals(people(store).get("person/" + writer)), "the person of " + writer);
    }
  }

  private static boolean increment(TypedStore<String, String> store) {
    Entry<String, String> entry = store.getEntry("counter").orElseThrow();
    String next = Long.toString(Long.parseLong(entry.value()) + 1);
    return store.replace("counter", next, entry.revision(), PutOptions.none()).isDone();
  }

  private static void count(Store store) {
    TypedStore<String, String> counters = store.typed(Codecs.string(), Codecs.string());
    counters.putIfAbsent("counter", "0", PutOptions.none());
    int done = 0;
    while (done < INCREMENTS) {
      done += increment(counters) ? 1 : 0;
    }
  }

  /**
   * Does one step.
   *
   * @param arguments the configuration and the step
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open(arguments[0])) {
      switch (arguments[1]) {
        case "write" -> write(larder.store());
        case "check" -> check(larder.store());
        case "count" -> count(larder.store());
        default -> throw new IllegalArgumentException(arguments[1]);
      }
    }
  }
}
