package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collection;
import java.util.List;

/** Writes requests; the layout is that of {@code src/jni/request.rs}. */
final class Request {
  static final int GET = 1;
  static final int GET_MANY = 2;
  static final int CONTAINS = 3;
  static final int PUT = 4;
  static final int PUT_MANY = 5;
  static final int REMOVE = 6;
  static final int REMOVE_MANY = 7;
  static final int TOUCH = 8;
  static final int LIST = 9;
  static final int CURSOR = 10;
  static final int CURSOR_NEXT = 11;
  static final int CLEAR = 12;
  static final int SIZE = 13;
  static final int WATCH = 14;
  static final int WATCH_NEXT = 15;
  static final int STATISTICS = 16;
  static final int PING = 17;
  static final int GET_VALUE = 18;
  static final int GET_VALUES = 19;

  static final int ALWAYS = 0;
  static final int IF_ABSENT = 1;
  static final int IF_REVISION = 2;

  private static final int HEADER = 64;
  private static final int ITEM = 32;

  /** From this length on a value is passed in an array of its own, which saves a copy. */
  private static final int APART = 16 << 10;

  private static final byte[] NOTHING = {};

  private final int operation;
  private int option;
  private long number;
  private long most;
  private long lifespanMs;
  private long maxIdleMs;
  private long timeoutMs;
  private byte[] key = NOTHING;
  private byte[] value = NOTHING;
  private byte[] metadata = NOTHING;
  private List<KeyValue> items = List.of();

  private Request(int operation, long timeoutMs) {
    this.operation = operation;
    this.timeoutMs = timeoutMs;
  }

  static Request of(int operation, long timeoutMs) {
    return new Request(operation, timeoutMs);
  }

  Request option(int option) {
    this.option = option;
    return this;
  }

  Request number(long number) {
    this.number = number;
    return this;
  }

  Request most(long most) {
    this.most = most;
    return this;
  }

  Request key(byte[] key) {
    this.key = key;
    return this;
  }

  Request value(byte[] value) {
    this.value = value;
    return this;
  }

  Request options(PutOptions options) {
    this.lifespanMs = options.lifespanMs();
    this.maxIdleMs = options.maxIdleMs();
    this.metadata = options.metadataBytes();
    this.most = options.durability().number();
    return this;
  }

  Request keys(Collection<byte[]> keys) {
    this.items = keys.stream().map(key -> KeyValue.of(key, NOTHING)).toList();
    return this;
  }

  Request items(Collection<KeyValue> items) {
    this.items = List.copyOf(items);
    return this;
  }

  /** The value that is not in the bytes; null when it is. */
  byte[] apart() {
    return value.length >= APART ? value : null;
  }

  byte[] bytes() {
    boolean isApart = value.length >= APART;
    long length = (long) HEADER + key.length + (isApart ? 0 : value.length) + metadata.length;
    for (KeyValue item : items) {
      length += ITEM + (long) item.key().length + item.value().length + item.options().metadataBytes().length;
    }
    if (length > Integer.MAX_VALUE - 64) {
      throw new TooLargeException("request", "it is " + length + " bytes long; split it into several");
    }
    ByteBuffer buffer = ByteBuffer.allocate((int) length).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putInt(operation).putInt(option).putLong(number).putLong(most);
    buffer.putLong(lifespanMs).putLong(maxIdleMs).putLong(timeoutMs);
    buffer.putInt(key.length).putInt(isApart ? -1 : value.length).putInt(metadata.length).putInt(items.size());
    buffer.put(key);
    if (!isApart) {
      buffer.put(value);
    }
    buffer.put(metadata);
    for (KeyValue item : items) {
      put(buffer, item);
    }
    return buffer.array();
  }

  private static void put(ByteBuffer buffer, KeyValue item) {
    PutOptions options = item.options();
    byte[] metadata = options.metadataBytes();
    buffer.putInt(item.key().length).putInt(item.value().length).putInt(metadata.length).putInt(options.durability().number());
    buffer.putLong(options.lifespanMs()).putLong(options.maxIdleMs());
    buffer.put(item.key()).put(item.value()).put(metadata);
  }
}
