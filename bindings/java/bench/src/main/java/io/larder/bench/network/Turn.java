package io.larder.bench.network;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;

/** One client at one work, for a while. */
final class Turn {
  /** What it measured: operations a second, the median call, and for each operation bytes allocated and CPU time. */
  record Figure(double perSecond, double medianMicros, double bytes, double cpuMicros) {}

  private static final int KEPT_TIMES = 1 << 14;

  private final Client client;
  private final Work work;
  private final byte[] value;
  private final long end;

  private Turn(Client client, Work work, int length, long nanos) {
    this.client = client;
    this.work = work;
    this.value = new byte[length];
    this.end = System.nanoTime() + nanos;
  }

  static Figure run(Client client, Work work, int length, int inFlight, long nanos) throws Exception {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long bytes = allocated();
    long cpu = system.getProcessCpuTime();
    long begin = System.nanoTime();
    Turn turn = new Turn(client, work, length, nanos);
    Lane[] lanes = new Lane[inFlight];
    for (int lane = 0; lane < inFlight; lane++) {
      lanes[lane] = turn.new Lane(lane);
    }
    if (inFlight == 1) {
      lanes[0].block();
    } else {
      turn.chain(lanes);
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    cpu = system.getProcessCpuTime() - cpu;
    bytes = allocated() - bytes;
    long calls = Arrays.stream(lanes).mapToLong(lane -> lane.calls).sum();
    long[] times = Arrays.stream(lanes).flatMapToLong(lane -> Arrays.stream(lane.times, 0, lane.kept())).sorted().toArray();
    double operations = (double) calls * work.size;
    return new Figure(operations / seconds, times[times.length / 2] / 1e3, bytes / operations, cpu / 1e3 / operations);
  }

  private void chain(Lane[] lanes) throws Exception {
    CountDownLatch running = new CountDownLatch(lanes.length);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    for (Lane lane : lanes) {
      lane.chain(running, failure);
    }
    running.await();
    if (failure.get() != null) {
      throw new IllegalStateException(client.name() + ": " + work.label, failure.get());
    }
  }

  /** Of the threads that live; those that ended meanwhile are none of a benchmark's. */
  private static long allocated() {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    return Arrays.stream(threads.getThreadAllocatedBytes(threads.getAllThreadIds())).filter(bytes -> bytes > 0).sum();
  }

  /** One call after the other. */
  private final class Lane {
    private final Random random;
    private final long[] times = new long[KEPT_TIMES];
    private long calls;

    Lane(int number) {
      random = new Random(number);
    }

    int kept() {
      return (int) Math.min(calls, KEPT_TIMES);
    }

    void block() throws Exception {
      for (long begin = System.nanoTime(); begin < end; begin = System.nanoTime()) {
        work.call(client, random, value);
        note(begin);
      }
    }

    /** Begins the next call whenever one has ended, without a stack that grows where calls end at once. */
    void chain(CountDownLatch running, AtomicReference<Throwable> failure) {
      while (true) {
        long begin = System.nanoTime();
        if (begin >= end) {
          running.countDown();
          return;
        }
        CompletableFuture<?> call = work.start(client, random, value);
        if (!call.isDone() || call.isCompletedExceptionally()) {
          call.whenComplete((done, thrown) -> {
            if (thrown != null) {
              failure.compareAndSet(null, thrown);
              running.countDown();
              return;
            }
            note(begin);
            chain(running, failure);
          });
          return;
        }
        note(begin);
      }
    }

    private void note(long begin) {
      if (calls < KEPT_TIMES) {
        times[(int) calls] = System.nanoTime() - begin;
      }
      calls++;
    }
  }
}
