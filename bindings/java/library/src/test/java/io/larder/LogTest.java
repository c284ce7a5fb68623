package io.larder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** The library's log lines in SLF4J, here with java.util.logging behind it. Larders of tests beside it would use the log. */
@Isolated
class LogTest {
  private static final Logger LOGGER = Logger.getLogger("io.larder");

  @Test
  void aBackendThatThrowsAnErrorDoesNotEndTheLog() throws Exception {
    AtomicInteger lines = new AtomicInteger();
    Handler handler = new Handler() {
      @Override
      public void publish(LogRecord record) {
        lines.incrementAndGet();
        throw new StackOverflowError("on purpose");
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
    LOGGER.addHandler(handler);
    Larder first = Larder.open("memory://");
    try {
      Support.await("a line came", () -> lines.get() > 0);
      int before = lines.get();
      for (int index = 0; index < 3; index++) {
        Larder.open("memory://").close();
      }
      Support.await("further lines came", () -> lines.get() > before);
    } finally {
      first.close();
      LOGGER.removeHandler(handler);
    }
  }

  @Test
  void linesOfTheLibraryComeToSlf4jWhileALarderIsOpen() throws Exception {
    ConcurrentLinkedQueue<LogRecord> records = new ConcurrentLinkedQueue<>();
    Handler handler = new Handler() {
      @Override
      public void publish(LogRecord record) {
        records.add(record);
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    };
    LOGGER.addHandler(handler);
    try {
      Larder larder = Larder.open("memory://");
      Support.await("a line came", () -> !records.isEmpty());
      LogRecord line = records.peek();
      assertEquals("io.larder.larder", line.getLoggerName());
      assertEquals(Level.INFO, line.getLevel());
      assertFalse(line.getMessage().isEmpty());
      larder.close();
      Support.await("the reader ends", () -> {
        // Larders that other tests have forgotten use the log until they are collected.
        System.gc();
        return Thread.getAllStackTraces().keySet().stream()
            .noneMatch(thread -> thread.getName().equals("larder-log") && thread.isAlive());
      });
    } finally {
      LOGGER.removeHandler(handler);
    }
  }
}
