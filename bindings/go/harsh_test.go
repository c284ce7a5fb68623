package larder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

var background = context.Background()

// everyCall calls each method of a store that can fail, with a key.
func everyCall(store *Store, ctx context.Context, key []byte) map[string]error {
	errs := map[string]error{}
	_, errs["Get"] = store.Get(ctx, key)
	_, _, errs["GetInto"] = store.GetInto(ctx, key, nil)
	_, errs["AppendGet"] = store.AppendGet(ctx, nil, key)
	_, errs["GetRecord"] = store.GetRecord(ctx, key)
	_, errs["GetMany"] = store.GetMany(ctx, [][]byte{key})
	errs["GetManyInto"] = store.GetManyInto(ctx, [][]byte{key}, new(Values))
	_, errs["Contains"] = store.Contains(ctx, key)
	_, errs["Put"] = store.Put(ctx, key, nil, nil)
	_, errs["PutIfAbsent"] = store.PutIfAbsent(ctx, key, nil, nil)
	_, errs["Replace"] = store.Replace(ctx, key, nil, 1, nil)
	_, errs["PutMany"] = store.PutMany(ctx, []Entry{{Key: key}}, nil)
	_, errs["Remove"] = store.Remove(ctx, key)
	_, errs["RemoveRevision"] = store.RemoveRevision(ctx, key, 1)
	_, errs["RemoveMany"] = store.RemoveMany(ctx, [][]byte{key})
	errs["Touch"] = store.Touch(ctx, key, time.Minute, 0)
	_, errs["OpenCursor"] = store.OpenCursor(ctx, &ListOptions{Prefix: key})
	_, errs["Clear"] = store.Clear(ctx)
	_, errs["Size"] = store.Size(ctx)
	_, errs["Statistics"] = store.Statistics(ctx)
	errs["Ping"] = store.Ping(ctx)
	for _, err := range store.List(ctx, &ListOptions{Prefix: key}) {
		errs["List"] = err
	}
	for _, err := range store.Records(ctx, &ListOptions{Prefix: key}) {
		errs["Records"] = err
	}
	for _, err := range store.Keys(ctx, &ListOptions{Prefix: key}) {
		errs["Keys"] = err
	}
	for _, err := range store.Watch(ctx, &WatchOptions{Prefix: key}) {
		errs["Watch"] = err
	}
	return errs
}

func expectEach(t *testing.T, errs map[string]error, wanted error) {
	t.Helper()
	for name, err := range errs {
		if !errors.Is(err, wanted) {
			t.Errorf("%s: expected %v, it is %v", name, wanted, err)
		}
	}
	if len(errs) < 24 {
		t.Errorf("only %d calls failed", len(errs))
	}
}

func TestEveryCallOfAClosedStoreOrLarderSaysClosed(t *testing.T) {
	for _, kind := range []string{"memory://", "noop://", "fault://"} {
		t.Run(kind, func(t *testing.T) {
			larder, store := openStore(t, kind)
			other, err := larder.Store(DefaultStore, nil)
			must(t, err)
			for range 2 {
				must(t, store.Close())
			}
			expectEach(t, everyCall(store, background, []byte("key")), ErrClosed)
			_, err = other.Put(background, []byte("key"), nil, nil)
			must(t, err)
			for range 2 {
				must(t, larder.Close())
			}
			expectEach(t, everyCall(other, background, []byte("key")), ErrClosed)
			if _, err := larder.Store(DefaultStore, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("expected ErrClosed, it is %v", err)
			}
			must(t, store.Close())
		})
	}
}

func TestACallWithAContextThatEndedSaysSoAndDoesNothing(t *testing.T) {
	for _, kind := range []string{"memory://", "fault://"} {
		t.Run(kind, func(t *testing.T) {
			_, store := openStore(t, kind)
			cause := errors.New("the user went away")
			cancelled, cancel := context.WithCancelCause(background)
			cancel(cause)
			errs := everyCall(store, cancelled, []byte("key"))
			expectEach(t, errs, ErrCancelled)
			expectEach(t, errs, context.Canceled)
			expectEach(t, errs, cause)
			late, stop := context.WithDeadline(background, time.Now().Add(-time.Second))
			defer stop()
			errs = everyCall(store, late, []byte("key"))
			expectEach(t, errs, ErrTimeout)
			expectEach(t, errs, context.DeadlineExceeded)
			if size, err := store.Size(background); size != 0 || err != nil {
				t.Errorf("%d records were written (%v)", size, err)
			}
		})
	}
}

func TestACallThatGetsNoAnswerEndsWithItsContext(t *testing.T) {
	_, store := openStore(t, "fault://?fault=never")
	start := time.Now()
	timed, stop := context.WithTimeout(background, 50*time.Millisecond)
	defer stop()
	_, err := store.Get(timed, []byte("key"))
	var failure *Error
	if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failure) || !failure.Retryable {
		t.Errorf("expected a timeout that can be tried again, it is %v", err)
	}
	cancelled, cancel := context.WithCancel(background)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = store.Put(cancelled, []byte("key"), nil, nil)
	if !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
		t.Errorf("expected the cancel, it is %v", err)
	}
	if taken := time.Since(start); taken > 10*time.Second {
		t.Errorf("it took %v", taken)
	}
	eventually(t, "nothing is in flight", func() bool {
		requests, err := store.larder.core.requests()
		return err == nil && requests.queue.InFlight() == 0
	})
}

func TestTheErrorOfAStoreKeepsItsStatus(t *testing.T) {
	_, store := openStore(t, "fault://")
	for status, wanted := range map[string]error{
		"INTERNAL": ErrInternal, "CONFIG": ErrConfig, "CLOSED": ErrClosed, "TIMEOUT": ErrTimeout, "CANCELLED": ErrCancelled,
		"BUSY": ErrBusy, "TOO_LARGE": ErrTooLarge, "UNSUPPORTED": ErrUnsupported, "UNAVAILABLE": ErrUnavailable,
		"FORKED": ErrForked, "OUT_OF_MEMORY": ErrOutOfMemory, "IO": ErrIO, "AMBIGUOUS": ErrAmbiguous, "AUTH": ErrAuth,
		"NO_SUCH_STORE": ErrNoSuchStore, "CORRUPT": ErrCorrupt, "INVALID_ARGUMENT": ErrInvalidArgument,
	} {
		_, err := store.Get(background, []byte("error:"+status+":key"))
		var failure *Error
		if !errors.Is(err, wanted) || !errors.As(err, &failure) {
			t.Errorf("%s: it is %v", status, err)
			continue
		}
		if failure.Status.String() != status || failure.Operation != "get" || failure.Source != "fault" || failure.Message != "an error on purpose" {
			t.Errorf("%s: it is %#v", status, failure)
		}
		retryable := status == "BUSY" || status == "TIMEOUT" || status == "UNAVAILABLE"
		if failure.Retryable != retryable {
			t.Errorf("%s: retryable is %v", status, failure.Retryable)
		}
	}
}

func TestAPanicInTheLibraryIsAnErrorOfThatCallOnly(t *testing.T) {
	larder, store := openStore(t, "memory://")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	calls := map[string]func() error{
		"Get":      func() error { _, err := store.Get(background, []byte("key")); return err },
		"GetInto":  func() error { _, _, err := store.GetInto(background, []byte("key"), nil); return err },
		"Put":      func() error { _, err := store.Put(background, []byte("key"), nil, nil); return err },
		"GetMany":  func() error { _, err := store.GetMany(background, [][]byte{nil}); return err },
		"PutMany":  func() error { _, err := store.PutMany(background, []Entry{{}}, nil); return err },
		"Size":     func() error { _, err := store.Size(background); return err },
		"Describe": func() error { _, err := store.Describe(); return err },
		"Store":    func() error { _, err := larder.Store(DefaultStore, nil); return err },
		"Open":     func() error { _, err := Open(background, "memory://"); return err },
	}
	for name, call := range calls {
		native.ArmPanic()
		if err := call(); !errors.Is(err, ErrPanic) {
			t.Errorf("%s: expected ErrPanic, it is %v", name, err)
		}
		if err := store.Ping(background); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	_, faulty := openStore(t, "fault://")
	if _, err := faulty.Get(background, []byte("panic:key")); !errors.Is(err, ErrPanic) {
		t.Errorf("in a task: expected ErrPanic, it is %v", err)
	}
}

func TestKeysAndValuesAreAnyBytes(t *testing.T) {
	for _, kind := range []string{"memory://", "fault://"} {
		t.Run(kind, func(t *testing.T) {
			_, store := openStore(t, kind)
			large := bytes.Repeat([]byte{0xfe}, 64<<10)
			for index, key := range [][]byte{nil, {0}, {0xff, 0xfe, 0xc0}, []byte("a\x00b"), large} {
				value := append([]byte{byte(index)}, key...)
				_, err := store.Put(background, key, value, nil)
				must(t, err)
				came, err := store.Get(background, key)
				if err != nil || !bytes.Equal(came, value) {
					t.Errorf("key %.20q: it is %.20q (%v)", key, came, err)
				}
				_, err = store.Put(background, key, nil, nil)
				must(t, err)
				came, err = store.Get(background, key)
				if err != nil || came == nil || len(came) != 0 {
					t.Errorf("key %.20q: expected an empty value, it is %.20q (%v)", key, came, err)
				}
			}
			size, err := store.Size(background)
			if err != nil || size != 5 {
				t.Errorf("expected 5 records, there are %d (%v)", size, err)
			}
		})
	}
}

func TestAValueOfAHundredMebibytesComesBack(t *testing.T) {
	for _, kind := range []string{"memory://", "fault://"} {
		t.Run(kind, func(t *testing.T) {
			_, store := openStore(t, kind)
			value := make([]byte, 100<<20)
			for at := 0; at < len(value); at += 4096 {
				value[at] = byte(at >> 12)
			}
			_, err := store.Put(background, []byte("large"), value, nil)
			must(t, err)
			came, err := store.Get(background, []byte("large"))
			if err != nil || !bytes.Equal(came, value) {
				t.Errorf("%d bytes came (%v)", len(came), err)
			}
		})
	}
}

func TestTextThatIsNotUTF8IsRefusedWhereTextIsExpected(t *testing.T) {
	larder, store := openStore(t, "memory://")
	wrong := "\xff\xfe"
	_, err := Open(background, wrong)
	expectInvalid(t, "config", err)
	_, err = larder.Store(wrong, nil)
	expectInvalid(t, "name", err)
	_, err = larder.Store(DefaultStore, &StoreOptions{Database: &wrong})
	expectInvalid(t, "options.database", err)
	_, err = store.Put(background, nil, nil, &PutOptions{Metadata: Metadata{wrong: nil}})
	expectInvalid(t, "Metadata", err)
	_, err = store.Put(background, nil, nil, &PutOptions{Lifespan: -time.Second})
	expectInvalid(t, "Lifespan", err)
	expectInvalid(t, "MaxIdle", store.Touch(background, nil, 0, -1))
	for _, err := range store.List(background, &ListOptions{Limit: -1}) {
		expectInvalid(t, "ListOptions", err)
	}
	_, err = Open(background, "memory://", WithMaxInFlight(-1))
	expectInvalid(t, "WithMaxInFlight", err)
}

func expectInvalid(t *testing.T, source string, err error) {
	t.Helper()
	var failure *Error
	if !errors.Is(err, ErrInvalidArgument) || !errors.As(err, &failure) || failure.Source != source {
		t.Errorf("expected an invalid %s, it is %v", source, err)
	}
}

func TestTenThousandGoroutinesWaitOnFewThreadsAndCloseEndsThemAll(t *testing.T) {
	const count = 10_000
	larder, store := openStore(t, "fault://?fault=never")
	var waiting sync.WaitGroup
	var closedOnes, others atomic.Int64
	for number := range count {
		waiting.Go(func() {
			_, err := store.Get(background, fmt.Appendf(nil, "key %d", number))
			if errors.Is(err, ErrClosed) {
				closedOnes.Add(1)
			} else {
				others.Add(1)
			}
		})
	}
	requests, err := larder.core.requests()
	must(t, err)
	eventually(t, "all requests are in flight", func() bool { return requests.queue.InFlight() == count })
	threads, err := os.ReadDir("/proc/self/task")
	must(t, err)
	t.Logf("%d goroutines wait on %d OS threads", count, len(threads))
	if len(threads) > 50 {
		t.Errorf("%d goroutines wait on %d OS threads", count, len(threads))
	}
	must(t, larder.Close())
	waiting.Wait()
	if closedOnes.Load() != count || others.Load() != 0 {
		t.Errorf("%d calls ended as closed, %d otherwise", closedOnes.Load(), others.Load())
	}
}

func TestClosingAStoreEndsItsOwnCallsOnly(t *testing.T) {
	larder, store := openStore(t, "fault://")
	other, err := larder.Store(DefaultStore, nil)
	must(t, err)
	outcomes, others := make(chan error), make(chan error)
	ctx, cancel := context.WithCancel(background)
	go func() { _, err := store.Get(background, []byte("never:a")); outcomes <- err }()
	go func() { _, err := other.Get(ctx, []byte("never:b")); others <- err }()
	requests, err := larder.core.requests()
	must(t, err)
	eventually(t, "both wait", func() bool { return requests.queue.InFlight() == 2 })
	must(t, store.Close())
	if err := <-outcomes; !errors.Is(err, ErrClosed) {
		t.Errorf("expected ErrClosed, it is %v", err)
	}
	cancel()
	if err := <-others; !errors.Is(err, ErrCancelled) {
		t.Errorf("expected ErrCancelled, it is %v", err)
	}
}

func TestCancelsThatRaceWithAnswersGiveOneOutcomeEach(t *testing.T) {
	_, store := openStore(t, "fault://")
	_, err := store.Put(background, []byte("delay:1:key"), []byte("value"), nil)
	must(t, err)
	var running sync.WaitGroup
	var answers, cancels atomic.Int64
	for range 8 {
		running.Go(func() {
			for round := range 300 {
				ctx, cancel := context.WithCancel(background)
				timer := time.AfterFunc(time.Duration(round%20)*100*time.Microsecond, cancel)
				value, err := store.Get(ctx, []byte("delay:1:key"))
				switch {
				case err == nil && string(value) == "value":
					answers.Add(1)
				case errors.Is(err, context.Canceled):
					cancels.Add(1)
				default:
					t.Errorf("it is %q (%v)", value, err)
				}
				timer.Stop()
				cancel()
			}
		})
	}
	running.Wait()
	if answers.Load() == 0 || cancels.Load() == 0 || answers.Load()+cancels.Load() != 2400 {
		t.Errorf("%d answers and %d cancels", answers.Load(), cancels.Load())
	}
}

func TestWhatTheCloseOfALarderEndsNamesTheLarder(t *testing.T) {
	larder, store := openStore(t, "fault://")
	outcomes := make(chan error)
	go func() { _, err := store.Get(background, []byte("never:a")); outcomes <- err }()
	go func() { _, err := store.Put(background, []byte("never:b"), nil, nil); outcomes <- err }()
	requests, err := larder.core.requests()
	must(t, err)
	eventually(t, "both wait", func() bool { return requests.queue.InFlight() == 2 })
	must(t, larder.Close())
	for range 2 {
		err := <-outcomes
		var told *Error
		if !errors.As(err, &told) || told.Status != StatusClosed || told.Source != "larder" {
			t.Errorf("expected that the larder was closed, it is %v", err)
		}
	}
	if _, err := requests.do(background, "get", nil, store.handle, &native.Request{Operation: native.Get, Key: []byte("k")}); !errors.Is(err, ErrClosed) || strings.Contains(err.Error(), "queue") {
		t.Errorf("expected that the larder was closed, it is %v", err)
	}
}

func TestClosingWhileOthersCallNeverCrashes(t *testing.T) {
	for _, kind := range []string{"memory://", "fault://"} {
		for range 20 {
			larder, store := openStore(t, kind)
			var running sync.WaitGroup
			for range 4 {
				running.Go(func() {
					for {
						if _, err := store.Put(background, []byte("key"), []byte("value"), nil); err != nil {
							if !errors.Is(err, ErrClosed) {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			running.Go(func() {
				for _, err := range store.Watch(background, nil) {
					if err != nil && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
				}
			})
			time.Sleep(time.Millisecond)
			for range 3 {
				running.Go(func() { must(t, larder.Close()) })
			}
			running.Wait()
		}
	}
}

func TestTooManyRequestsInFlightAreRefused(t *testing.T) {
	larder, store := openStore(t, "fault://", WithMaxInFlight(2))
	ctx, cancel := context.WithCancel(background)
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() { _, _ = store.Get(ctx, []byte("never:key")) })
	}
	requests, err := larder.core.requests()
	must(t, err)
	eventually(t, "two wait", func() bool { return requests.queue.InFlight() == 2 })
	if err := store.Ping(background); !errors.Is(err, ErrBusy) {
		t.Errorf("expected ErrBusy, it is %v", err)
	}
	cancel()
	waiting.Wait()
	eventually(t, "the next one is served", func() bool { return store.Ping(background) == nil })
}

func TestALarderThatNobodyHoldsIsCollectedWithItsGoroutine(t *testing.T) {
	func() {
		larder, err := Open(background, "fault://")
		must(t, err)
		store, err := larder.Store(DefaultStore, nil)
		must(t, err)
		must(t, store.Ping(background))
		// A watch that is never read goes too.
		store.Watch(background, nil)
	}()
	if left := leakedGoroutines(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

func TestAStoreIsUsableWhileItsLarderIsOtherwiseForgotten(t *testing.T) {
	store := func() *Store {
		larder, err := Open(background, "fault://")
		must(t, err)
		store, err := larder.Store(DefaultStore, nil)
		must(t, err)
		return store
	}()
	for round := range 20 {
		runtime.GC()
		key := fmt.Appendf(nil, "key %d", round)
		_, err := store.Put(background, key, key, nil)
		must(t, err)
		value, err := store.Get(background, key)
		if err != nil || !bytes.Equal(value, key) {
			t.Fatalf("it is %q (%v)", value, err)
		}
	}
	must(t, store.larder.Close())
}

func TestALongValueIsTheCallersAgainWhenPutReturnsHoweverItEnds(t *testing.T) {
	servers := contractServers(t)
	for _, name := range []string{"fault", "redis", "nats-js-kv"} {
		kind, isThere, err := findKind(name, servers)
		must(t, err)
		if !isThere {
			continue
		}
		for _, format := range []string{"larder", "raw"} {
			t.Run(name+" "+format, func(t *testing.T) {
				settings := object{}
				if name != "fault" {
					settings["format"] = format
				}
				section, _ := kind.section(settings)
				config, err := json.Marshal(object{"stores": object{DefaultStore: section}})
				must(t, err)
				_, store := openStore(t, string(config))
				expectWholeValues(t, store)
			})
		}
	}
}

// expectWholeValues writes to the value as soon as Put has returned, and expects none that is mixed of two.
func expectWholeValues(t *testing.T, store *Store) {
	var workers sync.WaitGroup
	var cancelled, done atomic.Int64
	for worker := range 8 {
		workers.Go(func() {
			key := fmt.Appendf(nil, "long-%d", worker)
			value := make([]byte, lentFrom+worker*1000)
			for round := range 200 {
				for index := range value {
					value[index] = byte(round)
				}
				ctx, cancel := context.WithCancel(background)
				go func() {
					time.Sleep(time.Duration(round%20) * 20 * time.Microsecond)
					cancel()
				}()
				_, err := store.Put(ctx, key, value, nil)
				for index := range value {
					value[index] = 0xff
				}
				cancel()
				if errors.Is(err, context.Canceled) {
					cancelled.Add(1)
				} else if err != nil {
					t.Error(err)
				} else {
					done.Add(1)
				}
				found, err := store.Get(background, key)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil || bytes.Count(found, found[:1]) != len(found) || found[0] == 0xff {
					t.Errorf("round %d: %v, or a value mixed of two", round, err)
					return
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d done, %d cancelled", done.Load(), cancelled.Load())
}
