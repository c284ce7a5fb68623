package larder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	deadline = 300 * time.Millisecond
	// longest is far below the timeout of the store itself, and far above what a busy machine needs.
	longest = 20 * time.Second
)

// hanging runs a test on each engine: a store whose server can be made to hang.
func hanging(t *testing.T, test func(t *testing.T, wire *wire, config string)) {
	servers := contractServers(t)
	if servers == nil {
		t.Skip("LARDER_TEST_STORES is not set; run `make test-go`")
	}
	for _, kind := range []string{"redis", "nats-js-kv"} {
		t.Run(kind, func(t *testing.T) {
			settings := maps.Clone(servers[kind].(object)["settings"].(object))
			wire := newWire(t, settings["nodes"].([]any)[0].(string))
			settings["nodes"] = []string{wire.address()}
			settings["timeout"] = "120s"
			settings["database"] = fmt.Sprintf("deadline-%012x", rand.Int64N(1<<48))
			config, err := json.Marshal(object{"stores": object{DefaultStore: settings}})
			must(t, err)
			test(t, wire, string(config))
		})
	}
}

// late expects that a call ended with its deadline, and said so. A write that was sent may have happened; one that has to
// read first says that it was not sent.
func late(t *testing.T, call string, taken time.Duration, err error, isWrite bool) {
	t.Helper()
	isTimeout := errors.Is(err, ErrTimeout) && errors.Is(err, context.DeadlineExceeded)
	isWritten := isWrite && (errors.Is(err, ErrAmbiguous) || errors.Is(err, ErrUnavailable))
	if !isTimeout && !isWritten {
		t.Errorf("%s: expected that its deadline passed, it is %v", call, err)
	} else if text := err.Error(); !strings.Contains(text, "deadline") && !strings.Contains(text, "timeout_ms: no answer within") {
		t.Errorf("%s: the deadline is not named: %v", call, err)
	}
	if taken < deadline-50*time.Millisecond || taken > longest {
		t.Errorf("%s: it took %v", call, taken)
	}
}

// within makes a call with a deadline; says how long it took.
func within(call func(ctx context.Context) error) (time.Duration, error) {
	ctx, stop := context.WithTimeout(background, deadline)
	defer stop()
	start := time.Now()
	err := call(ctx)
	return time.Since(start), err
}

func TestACallToAServerThatHangsEndsWithItsContext(t *testing.T) {
	hanging(t, func(t *testing.T, wire *wire, config string) {
		larder, store := openStore(t, config)
		key := []byte("key")
		_, err := store.Put(background, key, []byte("value"), nil)
		must(t, err)
		reads := map[string]func(context.Context) error{
			"Get":      func(ctx context.Context) error { _, err := store.Get(ctx, key); return err },
			"GetMany":  func(ctx context.Context) error { _, err := store.GetMany(ctx, [][]byte{key}); return err },
			"Contains": func(ctx context.Context) error { _, err := store.Contains(ctx, key); return err },
			"Size":     func(ctx context.Context) error { _, err := store.Size(ctx); return err },
			"Keys": func(ctx context.Context) error {
				for _, err := range store.Keys(ctx, nil) {
					if err != nil {
						return err
					}
				}
				return nil
			},
		}
		writes := map[string]func(context.Context) error{
			"Put":    func(ctx context.Context) error { _, err := store.Put(ctx, []byte("other"), nil, nil); return err },
			"Remove": func(ctx context.Context) error { _, err := store.Remove(ctx, []byte("other")); return err },
		}
		for call, run := range reads {
			wire.hold(true)
			taken, err := within(run)
			wire.hold(false)
			late(t, call, taken, err, false)
			comesBack(t, store)
		}
		for call, run := range writes {
			wire.hold(true)
			taken, err := within(run)
			wire.hold(false)
			late(t, call, taken, err, true)
			comesBack(t, store)
		}
		nothingIsLeft(t, larder)
	})
}

func TestManyCallsToAServerThatHangsAllEndWithTheirContexts(t *testing.T) {
	hanging(t, func(t *testing.T, wire *wire, config string) {
		larder, store := openStore(t, config)
		_, err := store.Put(background, []byte("key"), []byte("value"), nil)
		must(t, err)
		wire.hold(true)
		var calls sync.WaitGroup
		for range 200 {
			calls.Go(func() {
				taken, err := within(func(ctx context.Context) error { _, err := store.Get(ctx, []byte("key")); return err })
				late(t, "Get", taken, err, false)
			})
		}
		calls.Wait()
		nothingIsLeft(t, larder)
		wire.hold(false)
		comesBack(t, store)
	})
}

func TestACallToAServerThatSaysNothingAtAllEndsWithItsContextAndWritesNothing(t *testing.T) {
	hanging(t, func(t *testing.T, wire *wire, config string) {
		wire.hold(true)
		larder, store := openStore(t, config)
		calls := map[string]func(context.Context) error{
			"Get": func(ctx context.Context) error { _, err := store.Get(ctx, []byte("key")); return err },
			"Put": func(ctx context.Context) error { _, err := store.Put(ctx, []byte("key"), nil, nil); return err },
		}
		for call, run := range calls {
			taken, err := within(run)
			// Nothing was sent, which the library knows, if its answer is there before the context ends.
			if !errors.Is(err, ErrUnavailable) {
				late(t, call, taken, err, false)
			} else if taken > longest {
				t.Errorf("%s: it took %v", call, taken)
			}
		}
		nothingIsLeft(t, larder)
		wire.hold(false)
		_, err := store.Get(background, []byte("key"))
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("what was given up was written all the same: %v", err)
		}
	})
}

// comesBack expects an answer from a server that hung.
func comesBack(t *testing.T, store *Store) {
	t.Helper()
	ctx, stop := context.WithTimeout(background, longest)
	defer stop()
	value, err := store.Get(ctx, []byte("key"))
	if err != nil || string(value) != "value" {
		t.Fatalf("after the server came back: %q, %v", value, err)
	}
}

func nothingIsLeft(t *testing.T, larder *Larder) {
	t.Helper()
	eventually(t, "nothing is in flight", func() bool {
		requests, err := larder.core.requests()
		return err == nil && requests.queue.InFlight() == 0
	})
}

func TestAWriteThatWasSentIsAmbiguousWhenItIsClosed(t *testing.T) {
	hanging(t, func(t *testing.T, wire *wire, config string) {
		// More than a future of many polls one by one.
		many := make([]Entry, 64)
		for index := range many {
			many[index].Key = fmt.Appendf(nil, "key %d", index)
		}
		for _, what := range []string{"larder", "store"} {
			wire.hold(false)
			larder, store := openStore(t, config)
			_, err := store.Put(background, []byte("key"), []byte("value"), nil)
			must(t, err)
			wire.hold(true)
			calls := map[string]func() error{
				"Get": func() error { _, err := store.Get(background, []byte("key")); return err },
				"Put": func() error { _, err := store.Put(background, []byte("key"), []byte("other"), nil); return err },
				"Put lent": func() error {
					_, err := store.Put(background, []byte("key"), make([]byte, 2*lentFrom), nil)
					return err
				},
				"PutMany": func() error { _, err := store.PutMany(background, many, nil); return err },
			}
			outcomes := sync.Map{}
			var running sync.WaitGroup
			for call, run := range calls {
				running.Go(func() { outcomes.Store(call, run()) })
			}
			requests, err := larder.core.requests()
			must(t, err)
			eventually(t, "all wait", func() bool { return requests.queue.InFlight() == len(calls) })
			// Until they have left.
			time.Sleep(200 * time.Millisecond)
			start := time.Now()
			if what == "larder" {
				must(t, larder.Close())
			} else {
				must(t, store.Close())
			}
			running.Wait()
			if taken := time.Since(start); taken > 2*time.Second {
				t.Errorf("%s: it took %v", what, taken)
			}
			outcomes.Range(func(call, outcome any) bool {
				expected := StatusAmbiguous
				if call == "Get" {
					expected = StatusClosed
				}
				told, isError := outcome.(*Error)
				if !isError || told.Status != expected || call == "Get" && told.Source != what {
					t.Errorf("%s: %s: expected %v, it is %v", what, call, expected, outcome)
				}
				return true
			})
		}
	})
}
