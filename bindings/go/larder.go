package larder

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// DefaultStore is the name of the store of a configuration that describes only one, such as a URL.
const DefaultStore = "default"

// closeWaitMs is how long Close waits for connections to end.
const closeWaitMs = 5_000

// Larder is an opened larder: the stores of one configuration. Any number of goroutines may use it.
type Larder struct {
	core *core
}

// core is what a larder and its stores share. It does not refer to the Larder, so that this one can become unreachable.
type core struct {
	handle    *native.Larder
	capacity  int
	log       *native.Log
	closeOnce sync.Once
	closeErr  error

	mutex      sync.Mutex
	closed     bool
	dispatcher *dispatcher
	watching   *dispatcher
}

// Option is an option of [Open].
type Option func(*openOptions)

type openOptions struct {
	logger   *slog.Logger
	capacity int
}

// WithLogger sends the library's log lines to a logger, those of the gravest level that it has enabled and graver. They
// never hold a key, a value or a secret. The library has one log for the process: the larder that was opened last with
// a logger gets it, until it is closed. Default: the lines are dropped.
func WithLogger(logger *slog.Logger) Option {
	return func(options *openOptions) { options.logger = logger }
}

// WithMaxInFlight bounds how many requests of this larder may wait for an answer at a time; those beyond fail with
// [ErrBusy]. Watches are counted apart, and may be as many again. Default: 65,536.
func WithMaxInFlight(requests int) Option {
	return func(options *openOptions) { options.capacity = requests }
}

// Open opens a larder from a configuration: TOML or JSON text, a URL such as memory://?max_entries=10000, a file's
// address such as file:///etc/larder.toml, or what variables of the environment say ([Env]). It loads the native library if that was not done yet, reads the file and
// connects nothing: stores connect when they are first used.
//
// It fails with [ErrLibrary] when the library cannot be loaded, [ErrConfig] when the configuration cannot be used (the
// error names the setting), [ErrIO] when the file cannot be read, or as the context does.
func Open(ctx context.Context, config string, options ...Option) (*Larder, error) {
	const operation = "open"
	var chosen openOptions
	for _, option := range options {
		option(&chosen)
	}
	if ctx.Err() != nil {
		return nil, ended(operation, ctx)
	}
	if chosen.capacity < 0 {
		return nil, invalid(operation, "WithMaxInFlight", fmt.Sprintf("%d is negative", chosen.capacity))
	}
	if err := native.Load(); err != nil {
		return nil, &libraryError{err}
	}
	log, err := startLog(chosen.logger)
	if err != nil {
		return nil, err
	}
	handle, failure := native.Open(config)
	if failure != nil {
		log.TakeBack()
		return nil, failed(operation, failure)
	}
	log.Keep()
	opened := &core{handle: handle, capacity: chosen.capacity, log: log}
	larder := &Larder{core: opened}
	// Whoever forgets to close it leaks no goroutine.
	runtime.AddCleanup(larder, func(opened *core) { _ = opened.close() }, opened)
	return larder, nil
}

// Store opens a store by the name that the configuration gives it, [DefaultStore] for a configuration of one. It
// connects nothing. Stores of the same name, database and table hold the same records.
//
// It fails with [ErrNoSuchStore] and a suggestion, [ErrClosed] or [ErrInvalidArgument].
func (l *Larder) Store(name string, options *StoreOptions) (*Store, error) {
	var chosen StoreOptions
	if options != nil {
		chosen = *options
	}
	handle, failure := l.core.handle.Store(name, chosen.Database, chosen.Table)
	if failure != nil {
		return nil, failed("open store", failure)
	}
	store := &Store{larder: l, handle: handle, immediate: handle.IsImmediate(), closing: make(chan struct{})}
	return store, nil
}

// StoreOptions choose which records of a named store are meant. The zero value takes what the configuration says.
type StoreOptions struct {
	// Database is another database than the configured one; nil for that. Any text, the empty one too.
	Database *string
	// Table is another table than the configured one; nil for that. Any text, the empty one too.
	Table *string
}

// Describe is what the larder is, as a JSON object without secrets: its version, its stores, their types and settings.
func (l *Larder) Describe() (json.RawMessage, error) {
	text, failure := l.core.handle.Describe()
	runtime.KeepAlive(l)
	return text, failed("describe", failure)
}

// Close closes the larder: each later call on it and on its stores fails with [ErrClosed], what waits does so now, and
// watches end. A write that waits and may have been sent to a server fails with [ErrAmbiguous]. It waits at most five
// seconds for connections to end; those that take longer end in the background. A second Close does nothing.
func (l *Larder) Close() error {
	err := l.core.close()
	runtime.KeepAlive(l)
	return err
}

// Version is the version of the native library, such as "0.1.0". It fails with [ErrLibrary].
func Version() (string, error) {
	if err := native.Load(); err != nil {
		return "", &libraryError{err}
	}
	return native.Version(), nil
}

func (c *core) close() error {
	c.closeOnce.Do(func() {
		c.mutex.Lock()
		c.closed = true
		dispatchers := []*dispatcher{c.dispatcher, c.watching}
		c.mutex.Unlock()
		// First, so that what waits is told of the larder's end by its store.
		failure := c.handle.Close(closeWaitMs)
		for _, dispatcher := range dispatchers {
			if dispatcher != nil {
				dispatcher.close()
			}
		}
		c.log.Stop()
		if failure != nil && failure.Status != native.Timeout {
			c.closeErr = failed("close", failure)
		}
	})
	return c.closeErr
}

// requests is where requests that wait are submitted; it begins with the first one.
func (c *core) requests() (*dispatcher, error) {
	return c.begun(&c.dispatcher, newDispatcher)
}

// dispatcherOf is where a request is submitted: reads of watches are apart.
func (c *core) dispatcherOf(request *native.Request) (*dispatcher, error) {
	if request.Watch != nil {
		return c.begun(&c.watching, newWatching)
	}
	return c.requests()
}

func (c *core) begun(place **dispatcher, begin func(capacity int) (*dispatcher, error)) (*dispatcher, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.closed {
		return nil, closed("submit", "larder")
	}
	if *place == nil {
		dispatcher, err := begin(c.capacity)
		if err != nil {
			return nil, err
		}
		*place = dispatcher
	}
	return *place, nil
}

// libraryError is ErrLibrary with a text of its own.
type libraryError struct {
	cause error
}

func (e *libraryError) Error() string   { return "larder: " + e.cause.Error() }
func (e *libraryError) Is(t error) bool { return t == ErrLibrary }
func (e *libraryError) Unwrap() error   { return e.cause }
