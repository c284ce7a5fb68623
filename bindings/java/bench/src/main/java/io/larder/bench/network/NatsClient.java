package io.larder.bench.network;

import io.nats.client.Connection;
import io.nats.client.JetStream;
import io.nats.client.KeyValue;
import io.nats.client.Nats;
import io.nats.client.api.KeyValueConfiguration;
import io.nats.client.api.StorageType;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * jnats' key-value store. It has no asynchronous reads, so that many in flight are as many threads; its writes in flight
 * are asynchronous publishes.
 */
final class NatsClient implements Client {
  /** The bucket that it makes. */
  static final String BUCKET = "bench-jnats";

  private final Connection connection;
  private final JetStream jetStream;
  private final KeyValue bucket;
  private final ExecutorService threads;

  NatsClient(String node, int threadCount) throws Exception {
    connection = Nats.connect(node.contains("://") ? node : "nats://" + node);
    var management = connection.keyValueManagement();
    if (!management.getBucketNames().contains(BUCKET)) {
      management.create(KeyValueConfiguration.builder().name(BUCKET).storageType(StorageType.File).build());
    }
    jetStream = connection.jetStream();
    bucket = connection.keyValue(BUCKET);
    threads = Executors.newFixedThreadPool(threadCount);
  }

  @Override
  public String name() {
    return "jnats";
  }

  @Override
  public boolean isOurs() {
    return false;
  }

  @Override
  public byte[] get(String key) throws Exception {
    return bucket.get(key).getValue();
  }

  @Override
  public void put(String key, byte[] value) throws Exception {
    bucket.put(key, value);
  }

  @Override
  public CompletableFuture<byte[]> getAsync(String key) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        return get(key);
      } catch (Exception failure) {
        throw new IllegalStateException(failure);
      }
    }, threads);
  }

  @Override
  public CompletableFuture<?> putAsync(String key, byte[] value) {
    return jetStream.publishAsync("$KV." + BUCKET + "." + key, value);
  }

  @Override
  public int getAll(List<String> keys) {
    var asked = keys.stream().map(this::getAsync).toList();
    CompletableFuture.allOf(asked.toArray(CompletableFuture[]::new)).join();
    return asked.size();
  }

  @Override
  public void close() {
    threads.shutdown();
    try {
      connection.close();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
