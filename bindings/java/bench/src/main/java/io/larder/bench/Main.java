package io.larder.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Measures Larder and Caffeine 3 in one run and prints how many times as fast Larder is, with the bar beside it. With
 * {@code quick} as argument it takes a minute and says less.
 */
public final class Main {
  /** A read is to be this many times as fast as Caffeine's with an Expiry. */
  private static final double BAR = 1.5;

  private Main() {}

  /**
   * Runs the benchmarks.
   *
   * @param arguments {@code quick} or nothing
   * @throws RunnerException if JMH fails
   */
  public static void main(String[] arguments) throws RunnerException {
    boolean isQuick = List.of(arguments).contains("quick");
    Map<String, Map<String, Double>> rows = new TreeMap<>();
    for (int threads : new int[] {1, 2}) {
      for (RunResult result : new Runner(options(isQuick, threads)).run()) {
        var parameters = result.getParams();
        String name = parameters.getBenchmark().replaceAll(".*\\.", "");
        String row = String.format("%-8s %8s keys %d threads", name, parameters.getParam("keys"), threads);
        rows.computeIfAbsent(row, key -> new TreeMap<>())
            .put(parameters.getParam("subject"), result.getPrimaryResult().getScore());
      }
    }
    print(rows);
  }

  private static Options options(boolean isQuick, int threads) {
    OptionsBuilder options = new OptionsBuilder();
    options.include(CacheBenchmark.class.getName() + (isQuick ? "\\.(get|put|bulk16)$" : ""));
    options.threads(threads).forks(isQuick ? 1 : 2).shouldFailOnError(true);
    options.warmupIterations(isQuick ? 2 : 3).warmupTime(TimeValue.milliseconds(isQuick ? 500 : 1000));
    options.measurementIterations(isQuick ? 3 : 5).measurementTime(TimeValue.milliseconds(isQuick ? 500 : 1000));
    options.timeout(new TimeValue(5, TimeUnit.MINUTES));
    List<String> jvm = new ArrayList<>(List.of("-Xmx2g"));
    String library = System.getProperty("larder.library");
    if (library != null) {
      jvm.add("-Dlarder.library=" + library);
    }
    options.jvmArgsAppend(jvm.toArray(String[]::new));
    if (isQuick) {
      options.param("keys", "32768");
    }
    return options.build();
  }

  private static void print(Map<String, Map<String, Double>> rows) {
    System.out.println();
    System.out.println("Millions of operations a second; Caffeine 3 with an Expiry for each entry, its keys wrapped bytes");
    System.out.println("(made for each call, as a caller who has bytes does) and text. The bar is for get.");
    System.out.printf(
        "%-32s %8s %10s %10s %12s %12s  %s%n",
        "", "Larder", "wrapped", "String", "x wrapped", "x String", "bar");
    rows.forEach((row, scores) -> {
      double larder = scores.get("larder");
      double wrapped = scores.get("caffeine-wrapped");
      double text = scores.get("caffeine-string");
      System.out.printf(
          "%-32s %8.2f %10.2f %10.2f %11.2fx %11.2fx  %s%n",
          row, larder, wrapped, text, larder / wrapped, larder / text, verdict(row, larder / wrapped, larder / text));
    });
  }

  private static String verdict(String row, double wrapped, double text) {
    if (!row.startsWith("get")) {
      return "";
    }
    Collection<String> parts = new ArrayList<>();
    parts.add((wrapped >= BAR ? "met" : "missed") + " over wrapped");
    parts.add((text >= BAR ? "met" : "missed") + " over String");
    return String.format(">= %.1fx: %s", BAR, String.join(", ", parts));
  }
}
