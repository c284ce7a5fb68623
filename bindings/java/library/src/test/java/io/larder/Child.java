package io.larder;

import static io.larder.Support.bytes;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What tests run in a virtual machine of its own. */
final class Child {
  private Child() {}

  /** Does what the first argument names. */
  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "in-flight" -> inFlight();
      case "exit" -> {
        inFlight();
        System.exit(0);
      }
      case "halt" -> {
        inFlight();
        Runtime.getRuntime().halt(0);
      }
      case "everything" -> everything();
      case "log" -> logAfterALarderThatCouldNotBeOpened();
      case "open" -> Larder.open("memory://").close();
      default -> throw new IllegalArgumentException(arguments[0]);
    }
    System.out.println("done");
  }

  /** Leaves futures, blocked daemon threads, watches and a log behind. */
  private static void inFlight() throws Exception {
    Larder larder = Larder.open("fault://");
    Store store = larder.store();
    for (int index = 0; index < 1000; index++) {
      store.async().get(bytes("never:" + index));
    }
    store.watch(WatchOptions.now(), event -> {});
    for (int index = 0; index < 4; index++) {
      Thread thread = new Thread(() -> store.get(bytes("never:")));
      thread.setDaemon(true);
      thread.start();
    }
    Thread busy = new Thread(() -> {
      while (true) {
        store.async().put(bytes("k"), bytes("v")).join();
        store.get(bytes("k"));
      }
    });
    busy.setDaemon(true);
    busy.start();
    Thread.sleep(100);
  }

  /** Every native at least once, the large and the failing ways too. */
  private static void everything() throws Exception {
    for (String type : List.of("memory", "noop", "fault")) {
      try (Larder larder = Larder.open(type + "://")) {
        Store store = larder.store();
        larder.describe();
        store.describe();
        for (int size : new int[] {0, 100, 5000, 70_000, 1 << 20}) {
          byte[] key = bytes("k" + size);
          store.put(key, new byte[size]);
          store.get(key);
          store.getInto(key, new byte[100]);
          store.getEntry(key);
          store.getAll(List.of(key, key));
          store.async().get(key).join();
          store.async().getEntry(key).join();
          store.putIfAbsent(key, new byte[size]);
          store.contains(key);
        }
        store.cursor(ListOptions.all()).forEachRemaining(entry -> {});
        store.keys(ListOptions.all());
        Watch<byte[], byte[]> watch = store.watch(WatchOptions.existing());
        watch.next(10, Duration.ofMillis(10));
        watch.close();
        store.async().get(bytes("never:")).cancel(true);
        store.async().statistics().join();
        Native.armPanic();
        try {
          store.get(bytes("k"));
          throw new IllegalStateException("no panic");
        } catch (LarderException expected) {
          // What is expected.
        }
        store.close();
      }
      System.gc();
    }
    Thread.sleep(200);
  }

  /** Opens a larder while the log cannot begin, and one afterwards. */
  private static void logAfterALarderThatCouldNotBeOpened() throws Exception {
    AtomicBoolean hasFailed = new AtomicBoolean();
    CountDownLatch lines = new CountDownLatch(1);
    Logger logger = new Logger("io.larder", null) {
      @Override
      public boolean isLoggable(Level level) {
        if (hasFailed.compareAndSet(false, true)) {
          throw new OutOfMemoryError("on purpose");
        }
        return super.isLoggable(level);
      }
    };
    logger.setLevel(Level.INFO);
    LogManager.getLogManager().addLogger(logger);
    // What the library says goes to loggers below, of which this one is the parent.
    logger.addHandler(new Handler() {
      @Override
      public void publish(LogRecord line) {
        lines.countDown();
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    });
    try {
      Larder.open("memory://");
      throw new IllegalStateException("it was opened");
    } catch (OutOfMemoryError expected) {
      // What is expected.
    }
    Larder larder = Larder.open("memory://");
    if (!lines.await(20, TimeUnit.SECONDS)) {
      throw new IllegalStateException("no line came");
    }
    larder.close();
  }
}
