package io.larder;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * Passes the library's log lines to SLF4J, by a daemon thread that runs while a larder is open. The logger's name is
 * {@code io.larder.} and the part of the library that speaks. The level is that of the logger {@code io.larder} at the
 * time when the first larder opens.
 */
final class LogDrain implements Runnable {
  private static final Logger LOGGER = LoggerFactory.getLogger("io.larder");
  private static final Level[] LEVELS = {Level.ERROR, Level.ERROR, Level.WARN, Level.INFO, Level.DEBUG};

  private static int users;
  private static LogDrain running;

  private final Handle log;
  private boolean hasFailed;

  private LogDrain(Handle log) {
    this.log = log;
  }

  /** A larder opens. When this throws, it does not count. */
  static synchronized void acquire() {
    if (users == 0) {
      start(level());
    }
    users++;
  }

  private static void start(int level) {
    if (level == 0) {
      return;
    }
    Handle log = new Handle(Answer.checked(Native.openLog(level)).number(), null, Native::freeLog);
    LogDrain drain = new LogDrain(log);
    Thread thread = new Thread(null, drain, "larder-log", 0, false);
    thread.setContextClassLoader(null);
    thread.setDaemon(true);
    thread.start();
    running = drain;
  }

  /** A larder is closed. */
  static synchronized void release() {
    users--;
    if (users > 0 || running == null) {
      return;
    }
    Native.closeLog(running.log.pointer);
    Reference.reachabilityFence(running.log);
    running = null;
  }

  private static int level() {
    for (int level = LEVELS.length - 1; level > 0; level--) {
      if (LOGGER.isEnabledForLevel(LEVELS[level])) {
        return level;
      }
    }
    return 0;
  }

  @Override
  public void run() {
    while (readLine()) {
      // Until the log is closed.
    }
    Reference.reachabilityFence(log);
  }

  /** Passes the next line on; false when there will be none. */
  private boolean readLine() {
    byte[] line;
    try {
      line = Answer.checked(Native.nextLog(log.pointer, -1)).payload();
    } catch (LarderException closed) {
      return false;
    } catch (LinkageError unloaded) {
      // The log was closed after this class's loader was, as containers do with what they unload.
      return false;
    } catch (OutOfMemoryError lack) {
      return true;
    }
    try {
      tell(line);
    } catch (Throwable failure) {
      report(failure);
    }
    return true;
  }

  private static void tell(byte[] line) {
    ByteBuffer buffer = ByteBuffer.wrap(line).order(ByteOrder.LITTLE_ENDIAN);
    int level = buffer.getInt(0);
    int targetLength = buffer.getInt(4);
    long dropped = buffer.getLong(8);
    String target = new String(line, 16, targetLength, StandardCharsets.UTF_8);
    String message = new String(line, 16 + targetLength, line.length - 16 - targetLength, StandardCharsets.UTF_8);
    if (dropped > 0) {
      LOGGER.warn("{} lines of Larder's log were dropped, because the reader was too slow", dropped);
    }
    LoggerFactory.getLogger("io.larder." + target).atLevel(LEVELS[level]).log(message);
  }

  /**
   * What a logging backend throws must not end the drain. The thread's handler of uncaught exceptions is told of the first
   * one, as it would be if the thread ended; of all of them it would be told once a line.
   */
  private void report(Throwable failure) {
    if (hasFailed) {
      return;
    }
    hasFailed = true;
    Thread thread = Thread.currentThread();
    try {
      thread.getUncaughtExceptionHandler().uncaughtException(thread, failure);
    } catch (Throwable handler) {
      // There is nowhere else to tell of it.
    }
  }
}
