package io.larder.examples;

import io.larder.Codec;
import io.larder.Codecs;
import io.larder.Larder;
import io.larder.PutOptions;
import io.larder.Statistics;
import io.larder.Store;
import io.larder.TypedStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Caches the stat of every file below a directory, with a lifespan, and looks all of them up several times while some
 * files change. The first argument is the directory, by default {@code /usr/share}.
 */
public final class FileCache {
  private static final int ROUNDS = 5;
  private static final int OWN_FILES = 100;
  private static final Duration LIFESPAN = Duration.ofMinutes(1);

  /**
   * What is cached of a file.
   *
   * @param size bytes of it
   * @param modifiedMs when it was changed, in milliseconds since 1970
   * @param isDirectory whether it is a directory
   */
  public record Stat(long size, long modifiedMs, boolean isDirectory) {}

  /** A stat in 17 bytes, by a codec of one's own. */
  private static final class StatCodec implements Codec<Stat> {
    @Override
    public byte[] encode(Stat stat) {
      byte isDirectory = (byte) (stat.isDirectory() ? 1 : 0);
      return ByteBuffer.allocate(17).putLong(stat.size()).putLong(stat.modifiedMs()).put(isDirectory).array();
    }

    @Override
    public Stat decode(byte[] bytes) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      return new Stat(buffer.getLong(), buffer.getLong(), buffer.get() == 1);
    }
  }

  private final TypedStore<String, Stat> cache;
  private long changesSeen;

  private FileCache(Store store) {
    this.cache = store.typed(Codecs.string(), new StatCodec());
  }

  /**
   * Runs the demonstration.
   *
   * @param arguments the directory
   * @throws IOException if the directory cannot be read
   */
  public static void main(String[] arguments) throws IOException {
    Path root = Path.of(arguments.length == 0 ? "/usr/share" : arguments[0]);
    Path own = Files.createTempDirectory("larder-demo-");
    try (Larder larder = Larder.open("memory://?max_bytes=256MiB")) {
      List<Path> ownFiles = makeFiles(own);
      List<Path> files = new ArrayList<>(walk(root));
      files.addAll(ownFiles);
      System.out.println("Java: " + files.size() + " files below " + root + " and " + own);
      Store store = larder.store();
      new FileCache(store).run(files, ownFiles, store);
    } finally {
      remove(own);
    }
  }

  private void run(List<Path> files, List<Path> ownFiles, Store store) throws IOException {
    long withoutStart = System.nanoTime();
    for (int round = 0; round < ROUNDS; round++) {
      for (Path file : files) {
        stat(file);
      }
    }
    long withoutMs = milliseconds(withoutStart);

    long withMs = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long start = System.nanoTime();
      for (Path file : files) {
        lookUp(file);
      }
      withMs += milliseconds(start);
      Statistics counted = store.statistics();
      System.out.printf(
          "round %d: %d hits and %d misses so far, %d ms%n",
          round + 1, counted.hits(), counted.misses(), milliseconds(start));
      changeSome(ownFiles, round);
    }
    check(ownFiles);
    Statistics counted = store.statistics();
    System.out.println(changesSeen + " changed files were read anew");
    System.out.printf(
        "language=java files=%d hits=%d misses=%d without_ms=%d with_ms=%d%n",
        files.size(), counted.hits(), counted.misses(), withoutMs, withMs);
  }

  /** The stat of a file, from the cache if it is there. */
  private Stat lookUp(Path file) throws IOException {
    String key = file.toString();
    Stat cached = cache.get(key);
    if (cached != null) {
      return cached;
    }
    Stat read = stat(file);
    cache.put(key, read, PutOptions.lifespan(LIFESPAN));
    return read;
  }

  /** Changes every tenth of our own files, and tells the cache, as whoever changes what is cached does. */
  private void changeSome(List<Path> ownFiles, int round) throws IOException {
    for (int index = round; index < ownFiles.size(); index += 10) {
      Path file = ownFiles.get(index);
      Files.writeString(file, "changed in round " + round + " ".repeat(round));
      cache.remove(file.toString());
      changesSeen += lookUp(file).equals(stat(file)) ? 1 : 0;
    }
  }

  private void check(List<Path> ownFiles) throws IOException {
    for (Path file : ownFiles) {
      if (!lookUp(file).equals(stat(file))) {
        throw new IllegalStateException("the cache is wrong about " + file);
      }
    }
  }

  private static Stat stat(Path file) throws IOException {
    try {
      BasicFileAttributes read =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return new Stat(read.size(), read.lastModifiedTime().toMillis(), read.isDirectory());
    } catch (NoSuchFileException gone) {
      return new Stat(-1, 0, false);
    }
  }

  private static List<Path> walk(Path root) throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(root, new SimpleFileVisitor<>() {
      @Override
      public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
        files.add(file);
        return FileVisitResult.CONTINUE;
      }

      @Override
      public FileVisitResult visitFileFailed(Path file, IOException unreadable) {
        return FileVisitResult.CONTINUE;
      }
    });
    return files;
  }

  private static List<Path> makeFiles(Path directory) throws IOException {
    List<Path> files = new ArrayList<>();
    for (int index = 0; index < OWN_FILES; index++) {
      files.add(Files.writeString(directory.resolve("file-" + index), "first"));
    }
    return files;
  }

  private static void remove(Path directory) throws IOException {
    for (Path file : walk(directory)) {
      Files.delete(file);
    }
    Files.delete(directory);
  }

  private static long milliseconds(long start) {
    return Duration.ofNanos(System.nanoTime() - start).toMillis();
  }
}
