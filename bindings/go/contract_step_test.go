package larder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// answered is what a step came to.
type answered struct {
	err         error
	value       []byte
	hasValue    bool
	record      *Record
	revision    uint64
	hasRevision bool
	length      int
	hasLength   bool
	number      int
	hasNumber   bool
	records     []*Record
	hasRecords  bool
	results     []PutResult
	statistics  *Statistics
	description object
}

// arguments are the fields of each operation beside op, on, timeout_ms, expect and save.
var arguments = map[string][]string{
	"get": {"key"}, "get_into": {"key", "capacity"}, "get_many": {"keys"}, "contains": {"key"},
	"put": writeFields, "put_if_absent": writeFields, "replace": append([]string{"revision"}, writeFields...),
	"put_many": {"records"}, "remove": {"key"}, "remove_revision": {"key", "revision"}, "remove_many": {"keys"},
	"touch": {"key", "lifespan_ms", "max_idle_ms"}, "list": listFields, "read": listFields,
	"cursor_open": append([]string{"cursor", "page", "projection"}, listFields...), "cursor_read": {"cursor", "count"},
	"clear": {}, "size": {}, "watch_open": {"watch", "start", "prefix", "capacity"},
	"watch_read": {"watch", "order", "wait_ms"}, "watch_quiet": {"watch", "ms"},
	"watch_skip_to": {"watch", "kind", "count", "wait_ms"}, "watch_close": {"watch"},
	"watch_ended": {"watch", "wait_ms"}, "statistics": {}, "ping": {}, "describe": {}, "sleep": {"ms"},
	"close_store": {}, "close_larder": {}, "open": {"config"}, "open_store": {"name", "database", "table"},
}

var (
	writeFields = []string{"key", "value", "lifespan_ms", "max_idle_ms", "metadata", "durability"}
	listFields  = []string{"prefix", "suffix", "offset", "limit"}
)

func (c *contractCase) step(step object) error {
	operation, _ := step["op"].(string)
	fields, known := arguments[operation]
	if !known {
		return fmt.Errorf("the operation %q is not known", operation)
	}
	fields = append([]string{"op", "on", "timeout_ms", "expect", "save"}, fields...)
	if err := knownFields(step, fields...); err != nil {
		return err
	}
	ctx := context.Background()
	if timeoutMs, has := integer(step["timeout_ms"]); has {
		limited, cancel := context.WithTimeout(ctx, time.Duration(timeoutMs)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	c.ctx = ctx
	expect, _ := step["expect"].(object)
	if expect == nil {
		expect = object{}
	}
	if handled, err := c.watchStep(operation, step, expect); handled {
		return err
	}
	answer, err := c.do(operation, step, expect)
	if err != nil {
		return err
	}
	if err := c.check(answer, expect); err != nil {
		return err
	}
	return c.save(answer, step)
}

func (c *contractCase) save(answer answered, step object) error {
	if name, has := step["save"].(string); has {
		if !answer.hasRevision {
			return errors.New("there is no revision to save")
		}
		c.revision[name] = answer.revision
	}
	for index, result := range answer.results {
		record := step["records"].([]any)[index].(object)
		if name, has := record["save"].(string); has {
			c.revision[name] = result.Revision
		}
	}
	return nil
}

func (c *contractCase) store(step object) (*Store, error) {
	name, has := step["on"].(string)
	if !has {
		name = "main"
	}
	store, known := c.handles[name]
	if !known {
		return nil, fmt.Errorf("there is no handle %q", name)
	}
	return store, nil
}

func (c *contractCase) do(operation string, step, expect object) (answered, error) {
	switch operation {
	case "sleep":
		time.Sleep(time.Duration(optionalInteger(step["ms"])) * time.Millisecond)
		return answered{}, nil
	case "close_larder":
		return answered{err: c.larder.Close()}, nil
	case "open":
		opened, err := Open(context.Background(), step["config"].(string))
		if err == nil {
			err = opened.Close()
		}
		return answered{err: err}, nil
	case "open_store":
		return c.openStore(step)
	case "cursor_read":
		return c.readCursor(step)
	}
	store, err := c.store(step)
	if err != nil {
		return answered{}, err
	}
	switch operation {
	case "close_store":
		return answered{err: store.Close()}, nil
	case "get", "get_into", "get_many":
		return c.read(store, operation, step, expect)
	case "put", "put_if_absent", "replace", "put_many", "remove", "remove_revision", "remove_many", "touch":
		return c.write(store, operation, step)
	case "list", "read", "cursor_open":
		return c.list(store, operation, step)
	default:
		return c.ask(store, operation, step)
	}
}

func (c *contractCase) openStore(step object) (answered, error) {
	options, err := c.storeOptions(object{"database": step["database"], "table": step["table"]})
	if err != nil {
		return answered{}, err
	}
	opened, err := c.larder.Store(step["name"].(string), options)
	if err == nil {
		err = opened.Close()
	}
	return answered{err: err}, nil
}

func (c *contractCase) read(store *Store, operation string, step, expect object) (answered, error) {
	if operation == "get_many" {
		keys, err := manyBytes(step["keys"])
		if err != nil {
			return answered{}, err
		}
		return c.getMany(store, keys, expect), nil
	}
	key, err := bytesOf(step["key"])
	if err != nil {
		return answered{}, err
	}
	if operation == "get_into" {
		return c.getInto(store, key, int(optionalInteger(step["capacity"])))
	}
	if c.way == byValues && step["save"] == nil && onlyFields(expect, "status", "value", "source", "message_contains") {
		value, err := store.Get(c.ctx, key)
		return answered{err: err, value: value, hasValue: err == nil}, nil
	}
	record, err := store.GetRecord(c.ctx, key)
	if err != nil {
		return answered{err: err}, nil
	}
	return answered{record: record, value: record.Value, hasValue: true, revision: record.Revision, hasRevision: true}, nil
}

func (c *contractCase) getInto(store *Store, key []byte, capacity int) (answered, error) {
	untouched := bytes.Repeat([]byte{0xa5}, capacity)
	buffer := slices.Clone(untouched)
	length, revision, err := store.GetInto(c.ctx, key, buffer)
	answer := answered{err: err, length: length, hasLength: true, revision: revision, hasRevision: true}
	if err == nil {
		answer.value, answer.hasValue = buffer[:length], true
	} else if !bytes.Equal(buffer, untouched) {
		return answer, errors.New("the buffer was written to")
	}
	return answer, nil
}

func (c *contractCase) getMany(store *Store, keys [][]byte, expect object) answered {
	valuesOnly := true
	expected, _ := expect["records"].([]any)
	for _, item := range expected {
		record, _ := item.(object)
		valuesOnly = valuesOnly && onlyFields(record, "key", "value")
	}
	if c.way == byRecords || !valuesOnly {
		records, err := store.GetMany(c.ctx, keys)
		return answered{err: err, records: records, hasRecords: err == nil}
	}
	var values Values
	err := store.GetManyInto(c.ctx, keys, &values)
	records := make([]*Record, values.Len())
	for index := range records {
		if value, found := values.At(index); found {
			records[index] = &Record{Key: keys[index], Value: value}
		}
	}
	return answered{err: err, records: records, hasRecords: err == nil}
}

func (c *contractCase) write(store *Store, operation string, step object) (answered, error) {
	switch operation {
	case "put_many":
		return c.putMany(store, step)
	case "remove_many":
		keys, err := manyBytes(step["keys"])
		if err != nil {
			return answered{}, err
		}
		removed, err := store.RemoveMany(c.ctx, keys)
		return answered{err: err, number: removed, hasNumber: true}, nil
	}
	entry, err := entryOf(step)
	if err != nil {
		return answered{}, err
	}
	var expected uint64
	if operation == "replace" || operation == "remove_revision" {
		if expected, err = c.revisionOf(step["revision"]); err != nil {
			return answered{}, err
		}
	}
	answer := answered{hasRevision: true}
	switch operation {
	case "put":
		answer.revision, answer.err = store.Put(c.ctx, entry.Key, entry.Value, entry.Options)
	case "put_if_absent":
		answer.revision, answer.err = store.PutIfAbsent(c.ctx, entry.Key, entry.Value, entry.Options)
	case "replace":
		answer.revision, answer.err = store.Replace(c.ctx, entry.Key, entry.Value, expected, entry.Options)
	case "remove":
		answer.revision, answer.err = store.Remove(c.ctx, entry.Key)
	case "remove_revision":
		answer.revision, answer.err = store.RemoveRevision(c.ctx, entry.Key, expected)
	case "touch":
		answer.err = store.Touch(c.ctx, entry.Key, entry.Options.Lifespan, entry.Options.MaxIdle)
	}
	return answer, nil
}

func (c *contractCase) putMany(store *Store, step object) (answered, error) {
	var entries []Entry
	for _, item := range step["records"].([]any) {
		record := item.(object)
		if err := knownFields(record, append([]string{"save"}, writeFields...)...); err != nil {
			return answered{}, err
		}
		entry, err := entryOf(record)
		if err != nil {
			return answered{}, err
		}
		entries = append(entries, entry)
	}
	results, err := store.PutMany(c.ctx, entries, nil)
	return answered{err: err, results: results}, nil
}

func entryOf(step object) (Entry, error) {
	key, err := optionalBytes(step["key"])
	if err != nil {
		return Entry{}, err
	}
	value, err := optionalBytes(step["value"])
	if err != nil {
		return Entry{}, err
	}
	metadata, err := metadataOf(step["metadata"])
	if err != nil {
		return Entry{}, err
	}
	options := &PutOptions{Lifespan: termOf(step["lifespan_ms"]), MaxIdle: termOf(step["max_idle_ms"]), Metadata: metadata}
	options.Durability, err = durabilityOf(step["durability"])
	return Entry{key, value, options}, err
}

func durabilityOf(value any) (Durability, error) {
	switch value {
	case nil:
		return 0, nil
	case "none":
		return DurabilityNone, nil
	case "all":
		return DurabilityAll, nil
	}
	replicas, isNumber := integer(value)
	if !isNumber {
		return 0, fmt.Errorf("there is no durability %v", value)
	}
	return Replicas(int(replicas)), nil
}

func termOf(value any) time.Duration {
	ms := optionalInteger(value)
	if ms == -1 {
		return Unlimited
	}
	return time.Duration(ms) * time.Millisecond
}

func listOptionsOf(step object) (*ListOptions, error) {
	prefix, err := optionalBytes(step["prefix"])
	if err != nil {
		return nil, err
	}
	suffix, err := optionalBytes(step["suffix"])
	options := &ListOptions{
		Prefix: prefix, Suffix: suffix, PageSize: 3,
		Offset: int(optionalInteger(step["offset"])), Limit: int(optionalInteger(step["limit"])),
	}
	return options, err
}

func (c *contractCase) list(store *Store, operation string, step object) (answered, error) {
	options, err := listOptionsOf(step)
	if err != nil {
		return answered{}, err
	}
	if operation == "list" || step["projection"] == "keys" {
		options.Projection = KeysOnly
	}
	if operation == "cursor_open" {
		cursor, err := store.OpenCursor(c.ctx, options)
		if err == nil {
			c.cursors[step["cursor"].(string)] = &openedCursor{cursor, int(optionalInteger(step["page"]))}
		}
		return answered{err: err}, nil
	}
	sequence := store.List(c.ctx, options)
	if c.way == byValues {
		sequence = store.Records(c.ctx, options)
	}
	answer := answered{hasRecords: true}
	for record, err := range sequence {
		if err != nil {
			return answered{err: err}, nil
		}
		answer.records = append(answer.records, record)
	}
	return answer, nil
}

func (c *contractCase) readCursor(step object) (answered, error) {
	opened, known := c.cursors[step["cursor"].(string)]
	if !known {
		return answered{}, fmt.Errorf("there is no cursor %q", step["cursor"])
	}
	missing, limited := integer(step["count"])
	answer := answered{hasRecords: true}
	for !limited || missing > 0 {
		most := opened.page
		if limited {
			most = min(most, int(missing))
		}
		page, err := opened.cursor.Next(c.ctx, most)
		if errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			return answered{err: err}, nil
		}
		missing -= int64(len(page))
		answer.records = append(answer.records, page...)
	}
	return answer, nil
}

func (c *contractCase) ask(store *Store, operation string, step object) (answered, error) {
	var answer answered
	switch operation {
	case "contains":
		key, err := bytesOf(step["key"])
		if err != nil {
			return answer, err
		}
		found, err := store.Contains(c.ctx, key)
		if err == nil && !found {
			err = ErrNotFound
		}
		answer.err = err
	case "clear":
		answer.number, answer.err = store.Clear(c.ctx)
		answer.hasNumber = true
	case "size":
		answer.number, answer.err = store.Size(c.ctx)
		answer.hasNumber = true
	case "ping":
		answer.err = store.Ping(c.ctx)
	case "statistics":
		counted, err := store.Statistics(c.ctx)
		answer.statistics, answer.err = &counted, err
	case "describe":
		text, err := store.Describe()
		if answer.err = err; err == nil {
			return answer, json.Unmarshal(text, &answer.description)
		}
	default:
		return answer, fmt.Errorf("the operation %q is not known", operation)
	}
	return answer, nil
}

func onlyFields(given object, fields ...string) bool {
	return knownFields(given, fields...) == nil
}
