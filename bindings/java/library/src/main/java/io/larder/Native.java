package io.larder;

import java.nio.ByteBuffer;

/**
 * The natives, in {@code src/jni} of the library. They never throw but for a lack of Java memory; an error is an answer.
 *
 * <p>Pointers are alive for the length of each call: whoever passes one keeps its {@link Handle} reachable until the
 * native returns.
 */
final class Native {
  /** The number of the ABI that this version needs; a library with a greater one works too. */
  static final int ABI_VERSION = 1;

  /** {@link #peek}: there is no such record. */
  static final int MISS = -1;

  /** {@link #peek}: memory does not know. */
  static final int UNKNOWN = -2;

  /** {@link #peek}, {@link #getMany}: what was read does not fit into a slot. */
  static final int LARGE = -3;

  /** A native in a slot: the slot's output holds an error's answer. */
  static final int FAILED = -4;

  private Native() {}

  /** Registers all others; answers the library's number of the ABI. */
  static native int initialize();

  static native ByteBuffer slots();

  static native byte[] version();

  static native void armPanic();

  static native byte[] openLarder(byte[] config);

  static native byte[] closeLarder(long larder, long waitMs);

  static native void freeLarder(long larder);

  static native byte[] describeLarder(long larder);

  static native byte[] openStore(long larder, byte[] name, byte[] database, byte[] table);

  static native boolean isImmediate(long store);

  static native byte[] closeStore(long store);

  static native void freeStore(long store);

  static native byte[] describeStore(long store);

  static native void freeCursor(long cursor);

  static native byte[] closeWatch(long watch);

  static native void freeWatch(long watch);

  static native byte[] takeLarge(long large);

  static native byte[] takeValue(long large);

  static native byte[][] takeValues(long large);

  static native void freeLarge(long large);

  static native int peek(long store, int slot, int keyLength);

  static native int put(
      long store, int slot, int keyLength, int length, long lifespanMs, long maxIdleMs, long timeoutMs);

  static native int getMany(long store, int slot, int count, int length);

  static native int callInSlot(long target, int slot, int length);

  static native byte[] call(long target, byte[] request, byte[] value);

  static native byte[] openQueue(int capacity);

  static native byte[] submit(long queue, long id, long target, byte[] request, byte[] value);

  static native byte[] drain(long queue, int most, long waitMs);

  static native boolean cancel(long queue, long id);

  static native long inFlight(long queue);

  static native byte[] closeQueue(long queue);

  static native void freeQueue(long queue);

  static native byte[] openLog(int level);

  static native byte[] nextLog(long log, long waitMs);

  static native void closeLog(long log);

  static native void freeLog(long log);
}
