package io.larder.contract;

import io.larder.LarderException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** The ways to call: each case is run once for each. */
enum Way {
  SYNCHRONOUS {
    @Override
    <T> T call(Supplier<T> now, Supplier<CompletableFuture<T>> later) {
      return now.get();
    }
  },
  ASYNCHRONOUS {
    @Override
    <T> T call(Supplier<T> now, Supplier<CompletableFuture<T>> later) {
      try {
        return later.get().join();
      } catch (CompletionException failure) {
        if (failure.getCause() instanceof LarderException cause) {
          throw cause;
        }
        throw failure;
      }
    }
  };

  abstract <T> T call(Supplier<T> now, Supplier<CompletableFuture<T>> later);
}
