package io.larder.bench.network;

import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/** One kind of call. */
enum Work {
  GET("get", 1, 256),
  PUT("put", 1, 256),
  BULK("bulk get of 100", 100, 1);

  static final int KEY_COUNT = 10_000;
  static final List<String> KEYS = IntStream.range(0, KEY_COUNT).mapToObj(n -> String.format("key-%012d", n)).toList();

  final String label;
  /** How many operations a call is. */
  final int size;
  /** How many such calls a client can be asked for at once: beyond it some of them give up. */
  final int mostInFlight;

  Work(String label, int size, int mostInFlight) {
    this.label = label;
    this.size = size;
    this.mostInFlight = mostInFlight;
  }

  /** One call that blocks. */
  void call(Client client, Random random, byte[] value) throws Exception {
    switch (this) {
      case GET -> check(client.get(key(random)).length == value.length);
      case PUT -> client.put(key(random), value);
      case BULK -> {
        int first = random.nextInt(KEY_COUNT - size);
        check(client.getAll(KEYS.subList(first, first + size)) == size);
      }
    }
  }

  /** One call that does not. */
  CompletableFuture<?> start(Client client, Random random, byte[] value) {
    return switch (this) {
      case GET -> client.getAsync(key(random)).thenAccept(found -> check(found.length == value.length));
      case PUT -> client.putAsync(key(random), value);
      case BULK -> throw new IllegalStateException("it is measured one at a time");
    };
  }

  private static String key(Random random) {
    return KEYS.get(random.nextInt(KEY_COUNT));
  }

  private static void check(boolean isRight) {
    if (!isRight) {
      throw new IllegalStateException("an answer was not what was written");
    }
  }
}
