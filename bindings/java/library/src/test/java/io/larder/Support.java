package io.larder;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** What tests share. */
final class Support {
  private Support() {}

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  /** The answer of a future, which is to come within a time that no machine is too slow for. */
  static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }

  /** The failure of a future. */
  static <X extends Throwable> X failure(Class<X> type, CompletableFuture<?> future) {
    CompletionException failure =
        assertThrows(CompletionException.class, () -> future.orTimeout(60, TimeUnit.SECONDS).join());
    if (!type.isInstance(failure.getCause())) {
      fail("expected " + type, failure);
    }
    return type.cast(failure.getCause());
  }

  static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        fail("it did not come about: " + what);
      }
      Thread.sleep(5);
    }
  }
}
