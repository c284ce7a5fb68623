package larder

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The contract of a store is data that every language reads; tests/contract/README.md of the repository says how.

// object is a JSON object.
type object = map[string]any

// contractCase is one case while it runs for one store type.
type contractCase struct {
	ctx      context.Context
	way      way
	names    contractNames
	larder   *Larder
	handles  map[string]*Store
	revision map[string]uint64
	cursors  map[string]*openedCursor
	watches  map[string]*openedWatch
}

type openedCursor struct {
	cursor *Cursor
	page   int
}

// way is which of the methods for the same thing are called.
type way string

const (
	byRecords way = "by records" // GetRecord, GetMany, List
	byValues  way = "by values"  // Get, GetManyInto, Records and Keys, where the expectation is of values and keys only
)

func TestEveryStoreTypeHoldsTheContract(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(contractDirectory(), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no contract in %s: %v; set LARDER_CONTRACT to its directory", contractDirectory(), err)
	}
	servers := contractServers(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runContract(t, file, servers) })
	}
}

func contractDirectory() string {
	if directory := os.Getenv("LARDER_CONTRACT"); directory != "" {
		return directory
	}
	return filepath.Join("..", "..", "tests", "contract")
}

func runContract(t *testing.T, path string, servers object) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var file object
	if err := decoder.Decode(&file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	must(t, knownFields(file, "format", "about", "cases"))
	if file["format"] != json.Number("1") {
		t.Fatalf("%s has the format %v, this runner knows 1", path, file["format"])
	}
	for _, item := range file["cases"].([]any) {
		described := item.(object)
		must(t, knownFields(described, "name", "types", "except", "settings", "handles", "steps"))
		kinds, err := kindsOfCase(described, servers)
		if err != nil {
			t.Fatalf("%s: %v", described["name"], err)
		}
		for _, kind := range kinds {
			for _, way := range []way{byRecords, byValues} {
				name := fmt.Sprintf("%s/%s/%s", described["name"], kind.name, way)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					runCase(t, described, kind, way)
				})
			}
		}
	}
}

func runCase(t *testing.T, described object, kind contractKind, way way) {
	running, err := openCase(described, kind, way)
	if err != nil {
		t.Fatal(err)
	}
	defer running.close()
	for index, item := range described["steps"].([]any) {
		step := item.(object)
		if err := running.step(step); err != nil {
			text, _ := json.Marshal(step)
			t.Fatalf("step %d: %v\n%s", index, err, text)
		}
	}
}

func openCase(described object, kind contractKind, way way) (*contractCase, error) {
	settings, _ := described["settings"].(object)
	store, contractNames := kind.section(settings)
	config, err := json.Marshal(object{"stores": object{DefaultStore: store}})
	if err != nil {
		return nil, err
	}
	larder, err := Open(context.Background(), string(config))
	if err != nil {
		return nil, err
	}
	running := &contractCase{
		ctx: context.Background(), way: way, names: contractNames, larder: larder,
		handles: map[string]*Store{}, revision: map[string]uint64{},
		cursors: map[string]*openedCursor{}, watches: map[string]*openedWatch{},
	}
	handles := object{"main": object{}}
	if further, has := described["handles"].(object); has {
		for name, names := range further {
			handles[name] = names
		}
	}
	for name, names := range handles {
		options, err := running.storeOptions(names.(object))
		if err != nil {
			return nil, err
		}
		if running.handles[name], err = larder.Store(DefaultStore, options); err != nil {
			return nil, err
		}
	}
	return running, nil
}

func (c *contractCase) close() {
	for _, cursor := range c.cursors {
		_ = cursor.cursor.Close()
	}
	for _, watch := range c.watches {
		watch.close()
	}
	for _, store := range c.handles {
		_ = store.Close()
	}
	_ = c.larder.Close()
}

// openedWatch reads a watch's loop from the side, with a limit of time.
type openedWatch struct {
	cancel context.CancelFunc
	events chan watched
	stop   chan struct{}
}

type watched struct {
	event Event
	err   error
}

func (c *contractCase) openWatch(store *Store, options *WatchOptions) (*openedWatch, error) {
	ctx, cancel := context.WithCancel(context.Background())
	watch, err := store.openWatch(ctx, options)
	if err != nil {
		cancel()
		return nil, err
	}
	opened := &openedWatch{cancel: cancel, events: make(chan watched), stop: make(chan struct{})}
	go func() {
		defer close(opened.events)
		for event, err := range store.events(ctx, watch) {
			select {
			case opened.events <- watched{event, err}:
			case <-opened.stop:
				return
			}
		}
	}()
	return opened, nil
}

func (w *openedWatch) close() {
	w.cancel()
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
}

// next is the next event; it says whether one came in time. An ended watch has none.
func (w *openedWatch) next(until time.Time) (watched, bool) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case next, open := <-w.events:
		if !open {
			next.err = ErrClosed
		}
		return next, true
	case <-timer.C:
		return watched{}, false
	}
}

// Values of the contract.

func bytesOf(value any) ([]byte, error) {
	switch value := value.(type) {
	case string:
		return []byte(value), nil
	case object:
		if text, has := value["text"].(string); has && len(value) == 1 {
			return []byte(text), nil
		}
		if digits, has := value["hex"].(string); has && len(value) == 1 {
			return hex.DecodeString(digits)
		}
		if digits, has := value["repeat"].(string); has && len(value) == 2 {
			pattern, err := hex.DecodeString(digits)
			count, isNumber := integer(value["count"])
			if err != nil || !isNumber {
				return nil, fmt.Errorf("%v are no bytes", value)
			}
			return bytes.Repeat(pattern, int(count)), nil
		}
	}
	return nil, fmt.Errorf("%v are no bytes", value)
}

func optionalBytes(value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	return bytesOf(value)
}

func manyBytes(value any) ([][]byte, error) {
	var all [][]byte
	for _, item := range value.([]any) {
		one, err := bytesOf(item)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func integer(value any) (int64, bool) {
	number, isNumber := value.(json.Number)
	if !isNumber {
		return 0, false
	}
	whole, err := number.Int64()
	return whole, err == nil
}

func optionalInteger(value any) int64 {
	whole, _ := integer(value)
	return whole
}

func metadataOf(value any) (Metadata, error) {
	metadata := Metadata{}
	if value == nil {
		return metadata, nil
	}
	for _, item := range value.([]any) {
		pair := item.([]any)
		bytes, err := bytesOf(pair[1])
		if err != nil {
			return nil, err
		}
		metadata[pair[0].(string)] = bytes
	}
	return metadata, nil
}

func (c *contractCase) storeOptions(names object) (*StoreOptions, error) {
	if err := knownFields(names, "database", "table"); err != nil {
		return nil, err
	}
	text := func(field string) (*string, error) {
		value := names[field]
		if value == nil {
			return nil, nil
		}
		bytes, err := bytesOf(value)
		name := c.names.name(field, string(bytes))
		return &name, err
	}
	database, err := text("database")
	if err != nil {
		return nil, err
	}
	table, err := text("table")
	return &StoreOptions{Database: database, Table: table}, err
}

func (c *contractCase) revisionOf(value any) (uint64, error) {
	if name, isName := value.(string); isName && strings.HasPrefix(name, "$") {
		revision, saved := c.revision[name[1:]]
		if !saved {
			return 0, fmt.Errorf("no step saved %s", name)
		}
		return revision, nil
	}
	whole, isNumber := integer(value)
	if !isNumber {
		return 0, fmt.Errorf("%v is no revision", value)
	}
	return uint64(whole), nil
}

func knownFields(given object, known ...string) error {
	for name := range given {
		if !slices.Contains(known, name) {
			return fmt.Errorf("the field %q is not known here", name)
		}
	}
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
