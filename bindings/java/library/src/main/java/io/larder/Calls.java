package io.larder;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The calls on a store, each once for its synchronous and its asynchronous form. */
record Calls(State state, Handle store, long timeoutMs) {
  Call<byte[]> get(byte[] key) {
    return of(
        request(Request.GET_VALUE).key(notNull(key, "key")), answer -> answer.isFound() ? answer.value() : null);
  }

  Call<Optional<Entry<byte[], byte[]>>> getEntry(byte[] key) {
    return of(
        request(Request.GET).key(notNull(key, "key")),
        answer -> answer.isFound() ? Optional.of(answer.flat().entry()) : Optional.empty());
  }

  Call<List<byte[]>> getAll(Collection<byte[]> keys) {
    return of(request(Request.GET_VALUES).keys(keys), Answer::values);
  }

  Call<List<Entry<byte[], byte[]>>> getEntries(Collection<byte[]> keys) {
    return of(request(Request.GET_MANY).keys(keys), answer -> answer.flat().entries());
  }

  Call<Boolean> contains(byte[] key) {
    return of(request(Request.CONTAINS).key(notNull(key, "key")), Answer::isFound);
  }

  Call<Long> put(byte[] key, byte[] value, PutOptions options) {
    return of(write(key, value, options), Answer::number);
  }

  Call<Outcome> putIfAbsent(byte[] key, byte[] value, PutOptions options) {
    return of(write(key, value, options).option(Request.IF_ABSENT), Calls::outcome);
  }

  Call<Outcome> replace(byte[] key, byte[] value, long expected, PutOptions options) {
    return of(write(key, value, options).option(Request.IF_REVISION).number(expected), Calls::outcome);
  }

  Call<List<Outcome>> putAll(Collection<KeyValue> records) {
    return of(request(Request.PUT_MANY).items(records), answer -> outcomes(answer.payload()));
  }

  Call<Outcome> remove(byte[] key) {
    return of(request(Request.REMOVE).key(notNull(key, "key")), Calls::outcome);
  }

  Call<Outcome> remove(byte[] key, long expected) {
    Request request = request(Request.REMOVE).key(notNull(key, "key"));
    return of(request.option(Request.IF_REVISION).number(expected), Calls::outcome);
  }

  Call<Long> removeAll(Collection<byte[]> keys) {
    return of(request(Request.REMOVE_MANY).keys(keys), Answer::number);
  }

  Call<Boolean> touch(byte[] key, PutOptions terms) {
    return of(request(Request.TOUCH).key(notNull(key, "key")).options(terms), Answer::isFound);
  }

  Call<List<byte[]>> keys(ListOptions options) {
    return of(options.request(Request.LIST, 0, timeoutMs), answer -> answer.flat().keys());
  }

  Call<List<Entry<byte[], byte[]>>> keyEntries(ListOptions options) {
    return of(options.request(Request.LIST, 0, timeoutMs), answer -> answer.flat().entries());
  }

  Call<List<Entry<byte[], byte[]>>> list(ListOptions options) {
    return of(options.request(Request.LIST, 1, timeoutMs), answer -> answer.flat().entries());
  }

  Call<Handle> cursor(ListOptions options, int projection) {
    return of(
        options.request(Request.CURSOR, projection, timeoutMs),
        answer -> new Handle(answer.number(), store, Native::freeCursor));
  }

  Call<Long> clear() {
    return of(request(Request.CLEAR), Answer::number);
  }

  Call<Long> size() {
    return of(request(Request.SIZE), Answer::number);
  }

  Call<Handle> watch(WatchOptions options) {
    return of(options.request(timeoutMs), answer -> new Handle(answer.number(), store, Native::freeWatch));
  }

  Call<Statistics> statistics() {
    return of(request(Request.STATISTICS), answer -> Statistics.of(answer.payload()));
  }

  Call<Void> ping() {
    return of(request(Request.PING), answer -> null);
  }

  private Request request(int operation) {
    return Request.of(operation, timeoutMs);
  }

  private Request write(byte[] key, byte[] value, PutOptions options) {
    return request(Request.PUT).key(notNull(key, "key")).value(notNull(value, "value")).options(options);
  }

  private <T> Call<T> of(Request request, java.util.function.Function<Answer, T> reader) {
    return Call.of(store, request, reader);
  }

  private static byte[] notNull(byte[] bytes, String name) {
    return Objects.requireNonNull(bytes, name);
  }

  private static Outcome outcome(Answer answer) {
    return new Outcome(answer.status(), answer.number());
  }

  private static List<Outcome> outcomes(byte[] payload) {
    ByteBuffer buffer = ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
    int errorLength = (int) buffer.getLong(0);
    List<Outcome> outcomes = new ArrayList<>();
    Status firstError = null;
    for (int place = 8 + ((errorLength + 7) & ~7); place < payload.length; place += 16) {
      Status status = Status.of(buffer.getInt(place));
      outcomes.add(new Outcome(status, buffer.getLong(place + 8)));
      if (firstError == null && status.isError()) {
        firstError = status;
      }
    }
    if (firstError == null) {
      return outcomes;
    }
    LarderException first = Answer.error(firstError, payload, 8, errorLength);
    // What no record was spared has nothing to tell of each.
    Status common = firstError;
    boolean isCommon = outcomes.stream().allMatch(outcome -> outcome.status() == common);
    throw isCommon ? first : new BatchException(first, List.copyOf(outcomes));
  }
}
