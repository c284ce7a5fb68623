package io.larder;

/**
 * How much of a replicated store must have a write before it counts as done. A write of which that much is not known in
 * time throws an {@link AmbiguousException}. A store that has no replicas takes {@link #DEFAULT} and {@link #NONE}, and
 * throws an {@link UnsupportedException} for the others.
 */
public final class Durability {
  /** As the store is configured. */
  public static final Durability DEFAULT = new Durability(0);

  /** The server that took the write has it. */
  public static final Durability NONE = new Durability(-1);

  /** Every replica that could become the master has it, and one at least. */
  public static final Durability ALL = new Durability(-2);

  private static final int MOST_REPLICAS = 255;

  private final int number;

  private Durability(int number) {
    this.number = number;
  }

  /**
   * So many replicas have it besides the server that took the write.
   *
   * @param count how many at least, 1 to 255
   * @return the durability
   * @throws InvalidArgumentException for another count
   */
  public static Durability replicas(int count) {
    if (count < 1 || count > MOST_REPLICAS) {
      throw new InvalidArgumentException("count", "it is " + count + "; expected 1 to " + MOST_REPLICAS + " replicas");
    }
    return new Durability(count);
  }

  /** The number that the library takes. */
  int number() {
    return number;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Durability durability && durability.number == number;
  }

  @Override
  public int hashCode() {
    return number;
  }

  @Override
  public String toString() {
    return switch (number) {
      case 0 -> "default";
      case -1 -> "none";
      case -2 -> "all";
      default -> number + " replicas";
    };
  }
}
