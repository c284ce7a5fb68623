package io.larder.examples;

import io.larder.Codecs;
import io.larder.DeadlineException;
import io.larder.Larder;
import io.larder.LarderException;
import io.larder.TypedStore;
import java.time.Duration;

/** Tells failures apart. */
public final class Failures {
  private Failures() {}

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (Larder larder = Larder.open("fault://")) {
      TypedStore<String, String> store = larder.store().typed(Codecs.string(), Codecs.string());
      try {
        store.withTimeout(Duration.ofMillis(50)).get("never:answered");
      } catch (DeadlineException late) {
        System.out.println("too late: " + late.getMessage());
      }
      try {
        store.get("error:UNAVAILABLE:k");
      } catch (LarderException failure) {
        System.out.println(failure.status() + ", worth another try: " + failure.isRetryable());
      }
    }
  }
}
