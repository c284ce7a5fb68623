package io.larder.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Keys of 16 bytes and the order in which they are asked for: Zipf with exponent 0.99, the same for every cache. */
final class Keys {
  static final int ORDER = 1 << 20;

  private Keys() {}

  static byte[][] bytes(int count) {
    byte[][] keys = new byte[count][];
    for (int index = 0; index < count; index++) {
      keys[index] = String.format("key-%012d", index).getBytes(StandardCharsets.US_ASCII);
    }
    return keys;
  }

  /** Which key each request is for. */
  static int[] order(int count) {
    double[] sums = new double[count];
    double sum = 0;
    for (int rank = 0; rank < count; rank++) {
      sum += 1 / Math.pow(rank + 1, 0.99);
      sums[rank] = sum;
    }
    SplittableRandom random = new SplittableRandom(42);
    int[] byRank = shuffled(count, random);
    int[] order = new int[ORDER];
    for (int index = 0; index < ORDER; index++) {
      int place = Arrays.binarySearch(sums, random.nextDouble() * sum);
      order[index] = byRank[Math.min(place < 0 ? -place - 1 : place, count - 1)];
    }
    return order;
  }

  private static int[] shuffled(int count, SplittableRandom random) {
    int[] numbers = new int[count];
    for (int index = 0; index < count; index++) {
      int other = random.nextInt(index + 1);
      numbers[index] = numbers[other];
      numbers[other] = index;
    }
    return numbers;
  }

  /** A key of bytes that a Java map can hold: equal by its bytes. */
  record Wrapped(byte[] bytes) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Wrapped wrapped && Arrays.equals(bytes, wrapped.bytes);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(bytes);
    }

    static Wrapped of(byte[] bytes) {
      return new Wrapped(bytes);
    }
  }

  /** A value of 100 bytes that begins with a number. */
  static byte[] value(int number) {
    return ByteBuffer.allocate(100).putInt(number).array();
  }
}
