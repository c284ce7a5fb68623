package io.larder.bench.network;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A client library on one server. The blocking calls are for one at a time, the others for many in flight. */
interface Client extends AutoCloseable {
  String name();

  /** Whether it is Larder. */
  boolean isOurs();

  byte[] get(String key) throws Exception;

  void put(String key, byte[] value) throws Exception;

  CompletableFuture<byte[]> getAsync(String key);

  CompletableFuture<?> putAsync(String key, byte[] value);

  /** How many of the keys there are. */
  int getAll(List<String> keys) throws Exception;

  @Override
  void close();
}
