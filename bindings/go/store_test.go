package larder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReadingAndWritingMemoryAllocatesNoMoreThanItMust(t *testing.T) {
	_, store := openStore(t, "memory://?max_entries=1000&lifespan=1h")
	key, value := []byte("0123456789abcdef"), bytes.Repeat([]byte{'v'}, 100)
	keys := make([][]byte, 100)
	for index := range keys {
		keys[index] = fmt.Appendf(nil, "key %012d", index)
		_, err := store.Put(background, keys[index], value, nil)
		must(t, err)
	}
	_, err := store.Put(background, key, value, nil)
	must(t, err)
	buffer := make([]byte, 0, 256)
	var values Values
	options := &PutOptions{Lifespan: time.Minute}
	for name, measured := range map[string]struct {
		most float64
		call func() error
	}{
		"GetInto": {0, func() error { _, _, err := store.GetInto(background, key, buffer[:256]); return err }},
		"GetInto, a miss": {0, func() error {
			if _, _, err := store.GetInto(background, []byte("nothing"), buffer[:256]); err != ErrNotFound {
				return err
			}
			return nil
		}},
		"AppendGet":   {0, func() error { _, err := store.AppendGet(background, buffer[:0], key); return err }},
		"Get":         {1, func() error { _, err := store.Get(background, key); return err }},
		"Contains":    {0, func() error { _, err := store.Contains(background, key); return err }},
		"Put":         {0, func() error { _, err := store.Put(background, key, value, options); return err }},
		"Touch":       {0, func() error { return store.Touch(background, key, time.Minute, 0) }},
		"GetManyInto": {0, func() error { return store.GetManyInto(background, keys, &values) }},
	} {
		var failed error
		allocations := testing.AllocsPerRun(200, func() {
			if err := measured.call(); err != nil {
				failed = err
			}
		})
		if failed != nil || (allocations > measured.most && !raceEnabled) {
			t.Errorf("%s: %v allocations, expected at most %v (%v)", name, allocations, measured.most, failed)
		}
	}
}

func TestAppendGetKeepsWhatIsInTheBuffer(t *testing.T) {
	for _, kind := range []string{"memory://", "fault://"} {
		_, store := openStore(t, kind)
		large := bytes.Repeat([]byte("large"), 1000)
		_, err := store.Put(background, []byte("small"), []byte("small"), nil)
		must(t, err)
		_, err = store.Put(background, []byte("large"), large, nil)
		must(t, err)
		buffer := append(make([]byte, 0, 64), "before:"...)
		buffer, err = store.AppendGet(background, buffer, []byte("small"))
		if err != nil || string(buffer) != "before:small" || cap(buffer) != 64 {
			t.Errorf("%s: it is %q (%v)", kind, buffer, err)
		}
		buffer, err = store.AppendGet(background, buffer, []byte("large"))
		if err != nil || !bytes.Equal(buffer, append([]byte("before:small"), large...)) {
			t.Errorf("%s: it is %.40q (%v)", kind, buffer, err)
		}
		same, err := store.AppendGet(background, buffer, []byte("nothing"))
		if err != ErrNotFound || !bytes.Equal(same, buffer) {
			t.Errorf("%s: it is %.40q (%v)", kind, same, err)
		}
	}
}

func TestABatchHasItsOwnOptionsForEachRecord(t *testing.T) {
	for _, kind := range []string{"memory://?lifespan=1h", "fault://?lifespan=1h"} {
		_, store := openStore(t, kind)
		entries := []Entry{
			{Key: []byte("a"), Value: []byte("1")},
			{Key: []byte("b"), Value: []byte("2"), Options: &PutOptions{Lifespan: Unlimited, Metadata: Metadata{"m": []byte("2"), "n": nil}}},
			{Key: []byte("c"), Value: nil, Options: &PutOptions{MaxIdle: time.Minute, Metadata: Metadata{"m": []byte("3")}}},
		}
		results, err := store.PutMany(background, entries, &PutOptions{Lifespan: time.Minute})
		must(t, err)
		records, err := store.GetMany(background, [][]byte{[]byte("a"), []byte("none"), []byte("b"), []byte("c")})
		must(t, err)
		if len(results) != 3 || len(records) != 4 || records[1] != nil {
			t.Fatalf("%s: it is %v, %v", kind, results, records)
		}
		a, b, c := records[0], records[2], records[3]
		if string(a.Value) != "1" || a.ExpiresIn > time.Minute || a.Metadata != nil || a.Revision != results[0].Revision {
			t.Errorf("%s: a is %+v", kind, a)
		}
		if string(b.Value) != "2" || b.ExpiresIn != Unlimited || !maps.EqualFunc(b.Metadata, entries[1].Options.Metadata, bytes.Equal) {
			t.Errorf("%s: b is %+v", kind, b)
		}
		if len(c.Value) != 0 || c.MaxIdle != time.Minute || string(c.Metadata["m"]) != "3" {
			t.Errorf("%s: c is %+v", kind, c)
		}
		empty, err := store.PutMany(background, nil, nil)
		if len(empty) != 0 || err != nil {
			t.Errorf("%s: an empty batch is %v (%v)", kind, empty, err)
		}
	}
}

func TestARecordThatABatchCannotWriteSaysSoAndTheOthersAreWritten(t *testing.T) {
	for _, kind := range []string{"memory://?max_bytes=100KiB", "fault://?max_bytes=100KiB"} {
		_, store := openStore(t, kind)
		entries := []Entry{
			{Key: []byte("a"), Value: []byte("1")},
			{Key: []byte("b"), Value: make([]byte, 1<<20)},
			{Key: []byte("c"), Value: []byte("3")},
		}
		results, err := store.PutMany(background, entries, nil)
		if !errors.Is(err, ErrTooLarge) || len(results) != 3 {
			t.Fatalf("%s: it is %v (%v)", kind, results, err)
		}
		if results[0].Err != nil || !errors.Is(results[1].Err, ErrTooLarge) || results[2].Err != nil {
			t.Errorf("%s: it is %v", kind, results)
		}
		if value, err := store.Get(background, []byte("c")); string(value) != "3" || err != nil {
			t.Errorf("%s: c is %q (%v)", kind, value, err)
		}
	}
}

func TestALoopCanBeLeft(t *testing.T) {
	for _, kind := range []string{"memory://", "fault://"} {
		_, store := openStore(t, kind)
		for index := range 1000 {
			_, err := store.Put(background, fmt.Appendf(nil, "%04d", index), []byte("value"), nil)
			must(t, err)
		}
		watch := store.Watch(background, &WatchOptions{Start: FromExisting})
		for event, err := range watch {
			must(t, err)
			if event.Kind != Created || !event.Initial {
				t.Errorf("it is %+v", event)
			}
			break
		}
		for _, err := range watch {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("a second loop: expected ErrClosed, it is %v", err)
			}
		}
		var keys []string
		for key, err := range store.Keys(background, &ListOptions{Prefix: []byte("0"), Suffix: []byte("7"), Offset: 1, PageSize: 2}) {
			must(t, err)
			if keys = append(keys, string(key)); len(keys) == 3 {
				break
			}
		}
		if !slices.Equal(keys, []string{"0017", "0027", "0037"}) {
			t.Errorf("it is %v", keys)
		}
		count := 0
		for record, err := range store.Records(background, nil) {
			must(t, err)
			if string(record.Value) != "value" {
				t.Errorf("it is %+v", record)
			}
			count++
		}
		if count != 1000 {
			t.Errorf("there are %d records", count)
		}
	}
}

func TestAWatchEndsWithItsContext(t *testing.T) {
	_, store := openStore(t, "memory://")
	ctx, cancel := context.WithCancel(background)
	watch := store.Watch(ctx, nil)
	time.AfterFunc(20*time.Millisecond, cancel)
	var last error
	for _, err := range watch {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ended with %v", last)
	}
}

func TestDatabasesAndTablesAreApart(t *testing.T) {
	larder, configured := openStore(t, "memory://d/t")
	name, none := "other", ""
	stores := []*Store{configured}
	for _, options := range []*StoreOptions{{Database: &name}, {Table: &name}, {Database: &none, Table: &none}} {
		store, err := larder.Store(DefaultStore, options)
		must(t, err)
		stores = append(stores, store)
	}
	for index, store := range stores {
		_, err := store.Put(background, []byte("key"), []byte{byte(index)}, nil)
		must(t, err)
	}
	for index, store := range stores {
		value, err := store.Get(background, []byte("key"))
		if err != nil || len(value) != 1 || value[0] != byte(index) {
			t.Errorf("store %d: it is %v (%v)", index, value, err)
		}
	}
	text, err := larder.Describe()
	if err != nil || !strings.Contains(string(text), `"database":"d"`) {
		t.Errorf("it is %s (%v)", text, err)
	}
	_, err = larder.Store("defualt", nil)
	if !errors.Is(err, ErrNoSuchStore) || !strings.Contains(err.Error(), `did you mean "default"?`) {
		t.Errorf("it is %v", err)
	}
}

func TestTermsAreRoundedUpToMilliseconds(t *testing.T) {
	for given, wanted := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, Unlimited: -1, time.Hour: 3_600_000} {
		if ms, err := termMs("put", "Lifespan", given); ms != wanted || err != nil {
			t.Errorf("%v is %d ms (%v), expected %d", given, ms, err, wanted)
		}
	}
	if durationOf(-1) != Unlimited || durationOf(1500) != 1500*time.Millisecond || durationOf(1<<62) != Unlimited {
		t.Error("milliseconds are not read back as they should be")
	}
}

// lines is a handler's output that many goroutines write and read.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

func TestALoggerGetsTheLinesOfItsLevelUntilTheLarderIsClosed(t *testing.T) {
	var told lines
	logger := slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelInfo}))
	first, _ := openStore(t, "memory://", WithLogger(logger))
	_, _ = openStore(t, "memory://")
	eventually(t, "the second larder's opening is told", func() bool {
		return strings.Contains(told.String(), "level=INFO") && strings.Contains(told.String(), "target=larder")
	})
	must(t, first.Close())
	time.Sleep(50 * time.Millisecond)
	before := told.String()
	_, _ = openStore(t, "memory://")
	time.Sleep(50 * time.Millisecond)
	if after := told.String(); after != before {
		t.Errorf("a closed larder's logger was told %q", strings.TrimPrefix(after, before))
	}
}

func TestAnOpenThatFailsLeavesTheLogToWhoHadIt(t *testing.T) {
	var told, failing lines
	loggerOf := func(text *lines) Option { return WithLogger(slog.New(slog.NewTextHandler(text, nil))) }
	first, _ := openStore(t, "memory://", loggerOf(&told))
	for range 2 {
		if _, err := Open(background, "no-such-type://", loggerOf(&failing)); !errors.Is(err, ErrConfig) {
			t.Fatalf("expected ErrConfig, it is %v", err)
		}
	}
	before := told.String()
	_, _ = openStore(t, "memory://")
	eventually(t, "the next larder's opening is told", func() bool { return told.String() != before })
	must(t, first.Close())
	if _, err := Open(background, "no-such-type://", loggerOf(&failing)); !errors.Is(err, ErrConfig) {
		t.Fatalf("expected ErrConfig, it is %v", err)
	}
	time.Sleep(50 * time.Millisecond)
	before = told.String() + failing.String()
	_, _ = openStore(t, "memory://")
	time.Sleep(50 * time.Millisecond)
	if after := told.String() + failing.String(); after != before {
		t.Errorf("the logger of a larder that was closed or not opened was told more than %q: %q", before, after)
	}
}

// reading is a handler that reads from a store instead of writing.
type reading struct {
	slog.Handler
	read func()
}

func (r reading) Handle(context.Context, slog.Record) error {
	r.read()
	return nil
}

func TestALogHandlerThatReadsFromAStoreGetsItsAnswerAndSpoilsNothing(t *testing.T) {
	_, store := openStore(t, "fault://")
	_, err := store.Put(background, []byte("key"), []byte("value"), nil)
	must(t, err)
	answers := make(chan error, 1)
	handler := reading{slog.NewTextHandler(io.Discard, nil), func() {
		limited, stop := context.WithTimeout(background, 20*time.Second)
		defer stop()
		_, err := store.Get(limited, []byte("key"))
		select {
		case answers <- err:
		default:
		}
	}}
	_, _ = openStore(t, "memory://", WithLogger(slog.New(handler)))
	_, _ = openStore(t, "memory://")
	select {
	case err := <-answers:
		must(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("the handler was told nothing, or got no answer")
	}
	for range 100 {
		if _, err := store.Get(background, []byte("key")); err != nil {
			t.Fatal(err)
		}
	}
}
