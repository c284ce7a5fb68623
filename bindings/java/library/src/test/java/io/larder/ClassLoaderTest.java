package io.larder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.File;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Several class loaders in one virtual machine, each with a Larder of its own. */
class ClassLoaderTest {
  private static final byte[] KEY = Support.bytes("k");

  @Test
  void eachClassLoaderHasALarderOfItsOwn() throws Exception {
    try (Larder here = Larder.open("memory://")) {
      here.store().put(KEY, KEY);
      for (int round = 0; round < 3; round++) {
        try (URLClassLoader loader = loader()) {
          Class<?> other = loader.loadClass("io.larder.Larder");
          assertNotSame(Larder.class, other);
          Object larder = other.getMethod("open", String.class).invoke(null, "fault://");
          Object store = other.getMethod("store").invoke(larder);
          assertNull(store.getClass().getMethod("get", byte[].class).invoke(store, KEY));
          Object async = store.getClass().getMethod("async").invoke(store);
          CompletableFuture<?> future =
              (CompletableFuture<?>) async.getClass().getMethod("put", byte[].class, byte[].class).invoke(async, KEY, KEY);
          assertEquals(1L, future.get(60, TimeUnit.SECONDS));
          other.getMethod("close").invoke(larder);
        }
        assertEquals("k", Support.text(here.store().get(KEY)));
      }
    }
  }

  @Test
  void aClassLoaderThatIsForgottenIsCollected() throws Exception {
    WeakReference<ClassLoader> loader = useAndForget();
    Support.await("the class loader is collected", () -> {
      System.gc();
      return loader.get() == null;
    });
  }

  private static WeakReference<ClassLoader> useAndForget() throws Exception {
    URLClassLoader loader = loader();
    Class<?> other = loader.loadClass("io.larder.Larder");
    Object larder = other.getMethod("open", String.class).invoke(null, "fault://");
    Object store = other.getMethod("store").invoke(larder);
    Object async = store.getClass().getMethod("async").invoke(store);
    ((CompletableFuture<?>) async.getClass().getMethod("get", byte[].class).invoke(async, KEY)).get(60, TimeUnit.SECONDS);
    other.getMethod("close").invoke(larder);
    WeakReference<ClassLoader> reference = new WeakReference<>(loader);
    loader.close();
    return reference;
  }

  private static URLClassLoader loader() throws Exception {
    List<URL> places = new ArrayList<>();
    for (String place : System.getProperty("java.class.path").split(File.pathSeparator)) {
      places.add(new File(place).toURI().toURL());
    }
    return new URLClassLoader(places.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
  }
}
