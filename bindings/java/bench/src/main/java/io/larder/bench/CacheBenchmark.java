package io.larder.bench;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** Reads, writes and both, of 16-byte keys and 100-byte values. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class CacheBenchmark {
  /** What is measured. */
  @Param({"larder", "caffeine-wrapped", "caffeine-string"})
  public String subject;

  /** How many keys there are. */
  @Param({"32768", "1048576"})
  public int keys;

  private Subject cache;
  private int[] order;
  private byte[] value;

  /** Where a thread is in the order of requests. */
  @State(Scope.Thread)
  public static class Place {
    private int place = ThreadLocalRandom.current().nextInt(Keys.ORDER);

    /** A new place. */
    public Place() {}

    int next() {
      return place++ & (Keys.ORDER - 1);
    }

    int nextRun(int count) {
      place = place + count >= Keys.ORDER ? 0 : place + count;
      return place > Keys.ORDER - count ? 0 : place;
    }
  }

  /** For JMH. */
  public CacheBenchmark() {}

  /** Fills the cache. */
  @Setup(Level.Trial)
  public void open() {
    cache = Subject.of(subject, keys);
    order = Keys.order(keys);
    value = Keys.value(7);
    Subject.fill(cache, keys);
    Subject.check(cache, keys);
  }

  /** Closes it. */
  @TearDown(Level.Trial)
  public void close() {
    cache.close();
  }

  /**
   * A read.
   *
   * @param place where the thread is
   * @return what was read
   */
  @Benchmark
  public Object get(Place place) {
    return cache.get(order[place.next()]);
  }

  /**
   * A write.
   *
   * @param place where the thread is
   */
  @Benchmark
  public void put(Place place) {
    cache.put(order[place.next()], value);
  }

  /**
   * Three reads to one write.
   *
   * @param place where the thread is
   * @return what was read
   */
  @Benchmark
  public Object mixed(Place place) {
    int request = place.next();
    if ((request & 3) == 0) {
      cache.put(order[request], value);
      return value;
    }
    return cache.get(order[request]);
  }

  /**
   * A read of 16 keys.
   *
   * @param place where the thread is
   * @return how many were answered
   */
  @Benchmark
  @OperationsPerInvocation(16)
  public int bulk16(Place place) {
    return cache.getAll(order, place.nextRun(16), 16);
  }

  /**
   * A read of 100 keys.
   *
   * @param place where the thread is
   * @return how many were answered
   */
  @Benchmark
  @OperationsPerInvocation(100)
  public int bulk100(Place place) {
    return cache.getAll(order, place.nextRun(100), 100);
  }
}
