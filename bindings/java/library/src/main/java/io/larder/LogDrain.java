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

  private LogDrain(Handle log) {
    this.log = log;
  }

  /** A larder opens. */
  static synchronized void acquire() {
    users++;
    int level = level();
    if (users > 1 || level == 0) {
      return;
    }
    running = new LogDrain(new Handle(Answer.checked(Native.openLog(level)).number(), null, Native::freeLog));
    Thread thread = new Thread(null, running, "larder-log", 0, false);
    thread.setContextClassLoader(null);
    thread.setDaemon(true);
    thread.start();
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
    while (true) {
      Answer answer;
      try {
        answer = Answer.checked(Native.nextLog(log.pointer, -1));
      } catch (LarderException closed) {
        break;
      } catch (LinkageError unloaded) {
        // The log was closed after this class's loader was, as containers do with what they unload.
        break;
      } catch (OutOfMemoryError lack) {
        continue;
      }
      tell(answer.payload());
    }
    Reference.reachabilityFence(log);
  }

  private static void tell(byte[] line) {
    ByteBuffer buffer = ByteBuffer.wrap(line).order(ByteOrder.LITTLE_ENDIAN);
    int level = buffer.getInt(0);
    int targetLength = buffer.getInt(4);
    long dropped = buffer.getLong(8);
    String target = new String(line, 16, targetLength, StandardCharsets.UTF_8);
    String message = new String(line, 16 + targetLength, line.length - 16 - targetLength, StandardCharsets.UTF_8);
    try {
      if (dropped > 0) {
        LOGGER.warn("{} lines of Larder's log were dropped, because the reader was too slow", dropped);
      }
      LoggerFactory.getLogger("io.larder." + target).atLevel(LEVELS[level]).log(message);
    } catch (RuntimeException appender) {
      // A logging backend that throws must not end the drain; there is nowhere else to tell of it.
    }
  }
}
