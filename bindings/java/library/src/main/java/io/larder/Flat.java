package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Records and events in their flat form, as {@code src/boundary/flat.rs} describes it. */
final class Flat {
  private static final int HEADER = 48;

  private final byte[] bytes;
  private final ByteBuffer buffer;
  private final int end;
  private int start;

  Flat(byte[] bytes, int start, int end) {
    this.bytes = bytes;
    this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.start = start;
    this.end = end;
  }

  /** The value of the first record. */
  byte[] value() {
    int from = start + HEADER + keyLength();
    return Arrays.copyOfRange(bytes, from, from + valueLength());
  }

  /** The first record. */
  Entry<byte[], byte[]> entry() {
    int key = start + HEADER;
    int value = key + keyLength();
    int metadata = value + valueLength();
    return new Entry<>(
        Arrays.copyOfRange(bytes, key, value),
        Arrays.copyOfRange(bytes, value, metadata),
        buffer.getLong(start + 24),
        metadata(metadata, buffer.getInt(start + 16)),
        duration(buffer.getLong(start + 32)),
        duration(buffer.getLong(start + 40)));
  }

  /** All records, with null in gaps. */
  List<Entry<byte[], byte[]>> entries() {
    List<Entry<byte[], byte[]>> entries = new ArrayList<>();
    for (; start < end; start += itemLength()) {
      entries.add(isPresent() ? entry() : null);
    }
    return entries;
  }

  /** The values of all records, with null in gaps. */
  List<byte[]> values() {
    List<byte[]> values = new ArrayList<>();
    for (; start < end; start += itemLength()) {
      values.add(isPresent() ? value() : null);
    }
    return values;
  }

  /** The keys of all records. */
  List<byte[]> keys() {
    List<byte[]> keys = new ArrayList<>();
    for (; start < end; start += itemLength()) {
      keys.add(Arrays.copyOfRange(bytes, start + HEADER, start + HEADER + keyLength()));
    }
    return keys;
  }

  /** All events. */
  List<Event<byte[], byte[]>> events() {
    List<Event<byte[], byte[]>> events = new ArrayList<>();
    for (; start < end; start += itemLength()) {
      int kind = buffer.getShort(start + 6);
      Entry<byte[], byte[]> entry = isPresent() ? entry() : null;
      long lost = entry == null ? buffer.getLong(start + 24) : 0;
      events.add(new Event<>(Event.Kind.of(kind & 0xff), entry, lost, (kind & 0x100) != 0));
    }
    return events;
  }

  private int itemLength() {
    return buffer.getInt(start);
  }

  private boolean isPresent() {
    return buffer.getShort(start + 4) != 0;
  }

  private int keyLength() {
    return buffer.getInt(start + 8);
  }

  private int valueLength() {
    return buffer.getInt(start + 12);
  }

  private Map<String, byte[]> metadata(int from, int length) {
    if (length == 0) {
      return Map.of();
    }
    Map<String, byte[]> metadata = new LinkedHashMap<>();
    int place = from;
    while (place < from + length) {
      int name = place + 8;
      int value = name + buffer.getInt(place);
      int next = value + buffer.getInt(place + 4);
      metadata.put(
          new String(bytes, name, value - name, StandardCharsets.UTF_8), Arrays.copyOfRange(bytes, value, next));
      place = next;
    }
    return metadata;
  }

  private static Duration duration(long milliseconds) {
    return milliseconds < 0 ? null : Duration.ofMillis(milliseconds);
  }
}
