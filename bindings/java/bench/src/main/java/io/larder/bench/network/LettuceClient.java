package io.larder.bench.network;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.ByteArrayCodec;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Lettuce with one connection, as its makers advise. */
final class LettuceClient implements Client {
  private final RedisClient client;
  private final StatefulRedisConnection<byte[], byte[]> connection;

  LettuceClient(String node) {
    client = RedisClient.create(RedisURI.create(node.contains("://") ? node : "redis://" + node));
    connection = client.connect(ByteArrayCodec.INSTANCE);
  }

  @Override
  public String name() {
    return "Lettuce";
  }

  @Override
  public boolean isOurs() {
    return false;
  }

  @Override
  public byte[] get(String key) {
    return connection.sync().get(bytes(key));
  }

  @Override
  public void put(String key, byte[] value) {
    connection.sync().set(bytes(key), value);
  }

  @Override
  public CompletableFuture<byte[]> getAsync(String key) {
    return connection.async().get(bytes(key)).toCompletableFuture();
  }

  @Override
  public CompletableFuture<?> putAsync(String key, byte[] value) {
    return connection.async().set(bytes(key), value).toCompletableFuture();
  }

  @Override
  public int getAll(List<String> keys) {
    byte[][] wanted = keys.stream().map(LettuceClient::bytes).toArray(byte[][]::new);
    return (int) connection.sync().mget(wanted).stream().filter(value -> value.hasValue()).count();
  }

  @Override
  public void close() {
    connection.close();
    client.shutdown();
  }

  private static byte[] bytes(String key) {
    return ("lettuce-" + key).getBytes(StandardCharsets.UTF_8);
  }
}
