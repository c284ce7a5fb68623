package io.larder.bench.network;

import io.larder.AsyncStore;
import io.larder.Larder;
import io.larder.Store;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

/** Larder on a server, in one of its formats. */
final class LarderClient implements Client {
  private final String label;
  private final Larder larder;
  private final Store store;
  private final AsyncStore async;

  LarderClient(String label, String config) {
    this.label = label;
    larder = Larder.open(config);
    store = larder.store();
    async = store.async();
  }

  @Override
  public String name() {
    return label;
  }

  @Override
  public boolean isOurs() {
    return true;
  }

  @Override
  public byte[] get(String key) {
    return store.get(bytes(key));
  }

  @Override
  public void put(String key, byte[] value) {
    store.put(bytes(key), value);
  }

  @Override
  public CompletableFuture<byte[]> getAsync(String key) {
    return async.get(bytes(key));
  }

  @Override
  public CompletableFuture<?> putAsync(String key, byte[] value) {
    return async.put(bytes(key), value);
  }

  @Override
  public int getAll(List<String> keys) {
    List<byte[]> wanted = new ArrayList<>(keys.size());
    keys.forEach(key -> wanted.add(bytes(key)));
    return (int) store.getAll(wanted).stream().filter(Objects::nonNull).count();
  }

  @Override
  public void close() {
    larder.close();
  }

  private static byte[] bytes(String key) {
    return key.getBytes(StandardCharsets.UTF_8);
  }
}
