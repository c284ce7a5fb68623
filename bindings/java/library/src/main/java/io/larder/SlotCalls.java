package io.larder;

import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * The calls of a store that a slot has room for and memory can answer. Each says when it cannot be made so: the slot is
 * taken or too small, or memory does not know.
 */
final class SlotCalls {
  /** In place of a value: read it by a call. Told apart by its identity. */
  static final byte[] UNKNOWN = new byte[0];

  /** In place of a revision: write by a call. No store gives it. */
  static final long NOT_WRITTEN = -1;

  private final Handle handle;

  SlotCalls(Handle handle) {
    this.handle = handle;
  }

  /** The value; null when there is none. */
  byte[] get(byte[] key) {
    int slot = lockFor(key.length);
    if (slot < 0) {
      return UNKNOWN;
    }
    try {
      Slots.write(slot, 0, key);
      int length = Native.peek(handle.pointer, slot, key.length);
      if (length >= 0) {
        return Slots.read(slot, Slots.VALUE, length);
      }
      if (length == Native.MISS) {
        return null;
      }
      if (length == Native.LARGE) {
        return Native.takeValue(Slots.readLong(slot, Slots.VALUE));
      }
      if (length != Native.UNKNOWN) {
        throw Slots.error(slot, length);
      }
      return UNKNOWN;
    } finally {
      Slots.unlock(slot);
      Reference.reachabilityFence(handle);
    }
  }

  /** What the read came to; null when it has to be made by a call. */
  Reading getInto(byte[] key, byte[] buffer) {
    int slot = lockFor(key.length);
    if (slot < 0) {
      return null;
    }
    try {
      Slots.write(slot, 0, key);
      int length = Native.peek(handle.pointer, slot, key.length);
      if (length >= 0) {
        long revision = Slots.readLong(slot, 0);
        if (length > buffer.length) {
          return new Reading(Status.BUFFER_TOO_SMALL, length, revision);
        }
        Slots.readInto(slot, Slots.VALUE, buffer, length);
        return new Reading(Status.OK, length, revision);
      }
      if (length == Native.MISS) {
        return Reading.MISS;
      }
      if (length == Native.LARGE) {
        long revision = Slots.readLong(slot, 0);
        return Reading.of(Native.takeValue(Slots.readLong(slot, Slots.VALUE)), revision, buffer);
      }
      if (length != Native.UNKNOWN) {
        throw Slots.error(slot, length);
      }
      return null;
    } finally {
      Slots.unlock(slot);
      Reference.reachabilityFence(handle);
    }
  }

  /** The values, with null where there is none; null when they have to be read by a call. */
  List<byte[]> getAll(Collection<byte[]> keys) {
    int count = keys.size();
    long length = 4L * count;
    for (byte[] key : keys) {
      length += key.length;
    }
    int slot = lockFor(length);
    if (slot < 0) {
      return null;
    }
    try {
      if (!writeKeys(slot, keys, count, (int) length)) {
        return null;
      }
      int code = Native.getMany(handle.pointer, slot, count, (int) length);
      if (code == Native.LARGE) {
        return null;
      }
      if (code != 0) {
        throw Slots.error(slot, code);
      }
      return readValues(slot, count);
    } finally {
      Slots.unlock(slot);
      Reference.reachabilityFence(handle);
    }
  }

  /** Says whether the keys are still what was measured: a collection that changed must not write past the slot. */
  private static boolean writeKeys(int slot, Collection<byte[]> keys, int count, int length) {
    int place = 4 * count;
    int index = 0;
    for (byte[] key : keys) {
      if (index == count || key.length > length - place) {
        return false;
      }
      Slots.writeInt(slot, 4 * index++, key.length);
      Slots.write(slot, place, key);
      place += key.length;
    }
    return index == count && place == length;
  }

  private static List<byte[]> readValues(int slot, int count) {
    List<byte[]> values = new ArrayList<>(count);
    int place = 8 * count;
    for (int index = 0; index < count; index++) {
      int length = (int) Slots.readLong(slot, 8 * index);
      values.add(length < 0 ? null : Slots.read(slot, place, length));
      place += Math.max(length, 0);
    }
    return values;
  }

  /** The new revision. */
  long put(byte[] key, byte[] value, PutOptions options, long timeoutMs) {
    long length = (long) key.length + value.length;
    int slot = options.areTermsOnly() ? lockFor(length) : -1;
    if (slot < 0) {
      return NOT_WRITTEN;
    }
    try {
      Slots.write(slot, 0, key);
      Slots.write(slot, key.length, value);
      int code =
          Native.put(
              handle.pointer,
              slot,
              key.length,
              (int) length,
              options.lifespanMs(),
              options.maxIdleMs(),
              timeoutMs);
      if (code != 0) {
        throw Slots.error(slot, code);
      }
      return Slots.readLong(slot, 0);
    } finally {
      Slots.unlock(slot);
      Reference.reachabilityFence(handle);
    }
  }

  private static int lockFor(long length) {
    return length <= Slots.PART ? Slots.lock() : -1;
  }
}
