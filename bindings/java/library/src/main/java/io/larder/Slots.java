package io.larder;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Memory that Java and the natives both see. A small call writes its input into a slot, calls, and reads the output, so
 * that nothing of JNI but the crossing itself is paid.
 *
 * <p>A slot is locked for the call. A thread tries only one, by its id, and passes arrays if that is taken: nobody waits
 * for a slot.
 */
final class Slots {
  /** Bytes of a slot's input, and of its output. */
  static final int PART = 64 << 10;

  /** Where the value begins in the output of {@link Native#peek}; the revision comes before it. */
  static final int VALUE = 8;

  private static final int COUNT = 64;

  /** Distance of two locks in the array, so that each has a cache line of its own. */
  private static final int SPREAD = 16;

  private static final VarHandle LOCK = MethodHandles.arrayElementVarHandle(int[].class);
  private static final int[] LOCKS = new int[(COUNT + 1) * SPREAD];
  private static final ByteBuffer MEMORY = memory();

  private Slots() {}

  private static ByteBuffer memory() {
    ByteBuffer memory = Native.slots();
    if (memory == null) {
      throw new OutOfMemoryError("no native memory for the slots that Java and Larder share");
    }
    return memory.order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Locks this thread's slot; a negative number when it is taken. */
  static int lock() {
    int slot = (int) Thread.currentThread().getId() & (COUNT - 1);
    return LOCK.compareAndSet(LOCKS, (slot + 1) * SPREAD, 0, 1) ? slot : -1;
  }

  static void unlock(int slot) {
    LOCK.setRelease(LOCKS, (slot + 1) * SPREAD, 0);
  }

  private static int input(int slot) {
    return slot * 2 * PART;
  }

  private static int output(int slot) {
    return slot * 2 * PART + PART;
  }

  static void write(int slot, int offset, byte[] bytes) {
    MEMORY.put(input(slot) + offset, bytes);
  }

  static void writeInt(int slot, int offset, int value) {
    MEMORY.putInt(input(slot) + offset, value);
  }

  static byte[] read(int slot, int offset, int length) {
    byte[] bytes = new byte[length];
    MEMORY.get(output(slot) + offset, bytes);
    return bytes;
  }

  static long readLong(int slot, int offset) {
    return MEMORY.getLong(output(slot) + offset);
  }

  static void readInto(int slot, int offset, byte[] target, int length) {
    MEMORY.get(output(slot) + offset, target, 0, length);
  }

  /** The error that a native left in a slot's output. */
  static LarderException error(int slot, int code) {
    if (code != Native.FAILED) {
      return LarderException.of(Status.INTERNAL, "slot", "the native answered " + code + ", which says nothing");
    }
    int length = 32 + MEMORY.getInt(output(slot) + 24);
    return new Answer(read(slot, 0, length), 0).error();
  }
}
