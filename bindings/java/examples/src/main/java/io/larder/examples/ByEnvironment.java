package io.larder.examples;

import io.larder.Larder;
import io.larder.Store;
import java.nio.charset.StandardCharsets;

/**
 * Opens the cache that an operator has configured for oCIS, by the variables that oCIS itself reads:
 *
 * <pre>OCIS_CACHE_STORE=nats-js-kv OCIS_CACHE_STORE_NODES=127.0.0.1:9233 java …</pre>
 */
public final class ByEnvironment {
  private ByEnvironment() {}

  /**
   * Runs the example.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    // A malformed variable is an exception that names it.
    try (Larder larder = Larder.open(Larder.env("ocis", "STORAGE_USERS_FILEMETADATA_CACHE"))) {
      Store store = larder.store();
      byte[] found = store.get("nodes/64/bb".getBytes(StandardCharsets.UTF_8));
      System.out.println(found == null ? "nothing was cached yet" : found.length + " bytes, as oCIS wrote them");
    }
  }
}
