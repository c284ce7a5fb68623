package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a native answered; the layout is that of {@code src/jni/answer.rs}. */
final class Answer {
  static final int HEADER = 32;

  private final byte[] bytes;
  private final int start;
  private final ByteBuffer buffer;

  /** An answer that begins at {@code start}; the array is not copied. */
  Answer(byte[] bytes, int start) {
    this.bytes = bytes;
    this.start = start;
    this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The answer of a native that tells errors in it; throws the error. */
  static Answer checked(byte[] bytes) {
    if (bytes == null) {
      throw new OutOfMemoryError("no memory for Larder's answer");
    }
    Answer answer = new Answer(bytes, 0);
    answer.check();
    return answer;
  }

  /** Throws the error that this is, if it is one. */
  void check() {
    if (code() < 0) {
      throw error();
    }
  }

  int code() {
    return buffer.getInt(start);
  }

  Status status() {
    return Status.of(code());
  }

  boolean isFound() {
    return code() == 0;
  }

  /** The number in front of the answer: in a batch of completions the request's id. */
  long before() {
    return buffer.getLong(start - Long.BYTES);
  }

  long number() {
    return buffer.getLong(start + 8);
  }

  private long large() {
    return buffer.getLong(start + 16);
  }

  private int inlineLength() {
    return buffer.getInt(start + 24);
  }

  /** The bytes of this answer, padding included. */
  int length() {
    return HEADER + ((inlineLength() + 7) & ~7);
  }

  /** The payload as an array of its own. Taken once. */
  byte[] payload() {
    long large = large();
    if (large == 0) {
      byte[] payload = new byte[inlineLength()];
      System.arraycopy(bytes, start + HEADER, payload, 0, payload.length);
      return payload;
    }
    return taken(Native.takeLarge(large));
  }

  /** The payload to read in place, or as a copy where it was left behind. Taken once. */
  Flat flat() {
    if (large() == 0) {
      return new Flat(bytes, start + HEADER, start + HEADER + inlineLength());
    }
    byte[] payload = payload();
    return new Flat(payload, 0, payload.length);
  }

  /** The value of the one record that was read. Taken once. */
  byte[] value() {
    long large = large();
    return large == 0 ? flat().value() : taken(Native.takeValue(large));
  }

  /** The values of the records that were read, with null where there is none. Taken once. */
  List<byte[]> values() {
    long large = large();
    return large == 0 ? flat().values() : new ArrayList<>(Arrays.asList(taken(Native.takeValues(large))));
  }

  /** Frees what nobody will take. */
  void drop() {
    if (large() != 0) {
      Native.freeLarge(large());
    }
  }

  LarderException error() {
    byte[] payload = payload();
    return error(status(), payload, 0, payload.length);
  }

  static LarderException error(Status status, byte[] bytes, int start, int length) {
    int sourceLength = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(start);
    String source = new String(bytes, start + 4, sourceLength, StandardCharsets.UTF_8);
    int rest = length - 4 - sourceLength;
    return LarderException.of(
        status, source, new String(bytes, start + 4 + sourceLength, rest, StandardCharsets.UTF_8));
  }

  private static <T> T taken(T payload) {
    if (payload == null) {
      throw new OutOfMemoryError("no memory for Larder's answer");
    }
    return payload;
  }
}
