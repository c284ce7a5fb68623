// Package larder is one cache and store for Go, Java and C services: the same native library, the same configuration,
// the same stores in each language.
//
// A [Larder] is opened from one configuration, TOML or JSON text, a URL, or the address of a file, and gives named
// stores:
//
//	cache, err := larder.Open(ctx, "memory://?max_entries=10000&lifespan=10m")
//	if err != nil {
//		return err
//	}
//	defer cache.Close()
//	store, err := cache.Store(larder.DefaultStore, nil)
//	if err != nil {
//		return err
//	}
//	_, err = store.Put(ctx, []byte("key"), []byte("value"), nil)
//
// A [Store] holds records of bytes; a [TypedStore] puts Go types over it with a [Codec] for keys and one for values.
//
// # The native library
//
// The package finds liblarder.so when the first larder is opened: at the path in the environment variable
// LARDER_LIBRARY if that is set, otherwise beside the executable and then where the loader looks. So go build needs
// nothing but a C compiler. The build tag larder_pkgconfig links the library through pkg-config instead, and
// larder_static links its archive. The tag larder_debug_gc collects garbage at every use of a handle, to find what is
// freed too early.
//
// # Waiting, cancelling, closing
//
// Everything is safe for use by many goroutines at once. A store in memory answers in one call into the library. Where
// a store has to wait for a network, the goroutine waits and no OS thread does: the request goes to a queue of the
// larder's, and its answers wake goroutines in batches. A context that ends cancels the request and returns at once;
// its deadline goes along with the request. A write that was under way when its context ended may have happened.
//
// Close ends what waits with [ErrClosed]. It may be called at any time, from any goroutine, and more than once.
//
// # Errors
//
// Errors are compared with [errors.Is], such as errors.Is(err, larder.ErrNotFound); [errors.As] to [*Error] gives the
// setting or argument at fault and whether the same call can succeed later. A context that ended gives an error that is
// [ErrCancelled] and [context.Canceled], or [ErrTimeout] and [context.DeadlineExceeded].
package larder
