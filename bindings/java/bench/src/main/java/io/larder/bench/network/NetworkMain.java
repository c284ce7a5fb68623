package io.larder.bench.network;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Measures Larder's stores on servers beside jnats and Lettuce, in one run, on the same servers, taking turns. Only
 * ratios within one table mean anything. The servers are those of the file that {@code LARDER_TEST_STORES} names.
 */
public final class NetworkMain {
  private static final int[] IN_FLIGHT = {1, 64, 256};
  private static final int[] LENGTHS = {100, 16 << 10};

  private NetworkMain() {}

  /**
   * Runs the benchmarks.
   *
   * @param arguments {@code quick} or nothing
   * @throws Exception if a client fails
   */
  public static void main(String[] arguments) throws Exception {
    boolean isQuick = List.of(arguments).contains("quick");
    int rounds = isQuick ? 3 : 5;
    long nanos = isQuick ? 300_000_000L : 2_000_000_000L;
    String stores = Files.readString(Path.of(System.getenv("LARDER_TEST_STORES")));
    String nats = node(stores, "nats-js-kv");
    String redis = node(stores, "redis");
    NatsClient jnats = new NatsClient(nats, IN_FLIGHT[IN_FLIGHT.length - 1]);
    measure("NATS JetStream KV", rounds, nanos, List.of(
        new LarderClient("larder, raw format", config("nats-js-kv", nats, "raw", NatsClient.BUCKET, "")),
        new LarderClient("larder", config("nats-js-kv", nats, "larder", "bench-larder", "")),
        new LarderClient("larder, go-micro format", config("nats-js-kv", nats, "go-micro", "bench-go-micro", "")),
        jnats));
    measure("Redis", rounds, nanos, List.of(
        new LarderClient("larder, raw format", config("redis", redis, "raw", "", "bench-raw-")),
        new LarderClient("larder", config("redis", redis, "larder", "bench", "")),
        new LettuceClient(redis)));
  }

  private static void measure(String engine, int rounds, long nanos, List<Client> clients) throws Exception {
    System.out.printf("%n%s, from Java%n", engine);
    System.out.println("| work | value | in flight | client | per second | of the best peer | p50 µs | bytes allocated | CPU µs |");
    System.out.println("|---|---|---|---|---|---|---|---|---|");
    for (int length : LENGTHS) {
      for (Client client : clients) {
        for (String key : Work.KEYS) {
          client.put(key, new byte[length]);
        }
      }
      for (Work work : Work.values()) {
        for (int inFlight : IN_FLIGHT) {
          if (inFlight > work.mostInFlight) {
            continue;
          }
          rows(work, length, inFlight, rounds, nanos, clients);
        }
      }
    }
    clients.forEach(Client::close);
  }

  private static void rows(Work work, int length, int inFlight, int rounds, long nanos, List<Client> clients)
      throws Exception {
    List<List<Turn.Figure>> figures = new ArrayList<>();
    clients.forEach(client -> figures.add(new ArrayList<>()));
    // The first round warms up.
    for (int round = 0; round <= rounds; round++) {
      for (int turn = 0; turn < clients.size(); turn++) {
        int index = place(turn, round, clients.size());
        Turn.Figure figure = Turn.run(clients.get(index), work, length, inFlight, nanos);
        if (round > 0) {
          figures.get(index).add(figure);
        }
      }
    }
    List<Turn.Figure> medians = figures.stream().map(NetworkMain::median).toList();
    double best = 0;
    for (int index = 0; index < clients.size(); index++) {
      best = clients.get(index).isOurs() ? best : Math.max(best, medians.get(index).perSecond());
    }
    for (int index = 0; index < clients.size(); index++) {
      Turn.Figure figure = medians.get(index);
      System.out.printf(Locale.ROOT, "| %s | %d | %d | %s | %.0f | %.2f | %.0f | %.0f | %.1f |%n", work.label, length,
          inFlight, clients.get(index).name(), figure.perSecond(), figure.perSecond() / best, figure.medianMicros(),
          figure.bytes(), figure.cpuMicros());
    }
  }

  /**
   * Whose turn it is of so many: forth and back, and from another one on each time, so that nobody always follows the same
   * one, and has to wait for what that left to be done.
   */
  private static int place(int turn, int round, int count) {
    int forth = round % 2 == 0 ? turn : count - 1 - turn;
    return (forth + round / 2) % count;
  }

  private static Turn.Figure median(List<Turn.Figure> figures) {
    figures.sort(Comparator.comparingDouble(Turn.Figure::perSecond));
    return figures.get(figures.size() / 2);
  }

  /** The first node of a store; the file is small and its form known, so that no JSON library is needed for it. */
  private static String node(String stores, String name) {
    Pattern form = Pattern.compile("\"" + name + "\"\\s*:\\s*\\{.*?\"nodes\"\\s*:\\s*\\[\\s*\"([^\"]+)\"", Pattern.DOTALL);
    Matcher found = form.matcher(stores);
    if (!found.find()) {
      throw new IllegalArgumentException("the stores have no " + name);
    }
    return found.group(1);
  }

  private static String config(String type, String node, String format, String database, String table) {
    return String.format("{\"type\": \"%s\", \"nodes\": [\"%s\"], \"format\": \"%s\", \"database\": \"%s\", \"table\": \"%s\"}",
        type, node, format, database, table);
  }
}
