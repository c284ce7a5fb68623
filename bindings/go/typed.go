package larder

import (
	"context"
	"iter"
	"sync"
	"time"
)

// TypedStore puts Go types over a [Store]: a codec turns keys into bytes, another one values. Any number of goroutines
// may use it.
//
// Its methods fail as those of the store do, with [ErrInvalidArgument] where a key or a value cannot be encoded, and
// with [ErrCorrupt] where what is stored cannot be decoded; the codec's own error is what the error wraps.
type TypedStore[K comparable, V any] struct {
	store  *Store
	keys   Codec[K]
	values Codec[V]
}

// TypedRecord is a [Record] with a key and a value of Go types.
type TypedRecord[K comparable, V any] struct {
	// Key is the key.
	Key K
	// Value is the value.
	Value V
	// Metadata is what was stored beside the value; nil for none.
	Metadata Metadata
	// Revision grows with every write of the key.
	Revision uint64
	// ExpiresIn is how long after the read the record expires if nobody reads it; [Unlimited] for never.
	ExpiresIn time.Duration
	// MaxIdle is how long the record lives without being read; [Unlimited] for ever.
	MaxIdle time.Duration
}

// TypedEntry is an [Entry] with a key and a value of Go types.
type TypedEntry[K comparable, V any] struct {
	// Key is the key.
	Key K
	// Value is the value.
	Value V
	// Options are the options of this record; nil for those of the call.
	Options *PutOptions
}

// TypedEvent is an [Event] with a record of Go types.
type TypedEvent[K comparable, V any] struct {
	// Kind is what happened.
	Kind EventKind
	// Record is the record as written; for a removed, expired or evicted one as it last was. Nil for Current and Lost.
	Record *TypedRecord[K, V]
	// Initial says that this tells what was there when the watch began.
	Initial bool
	// Lost is how many events were dropped, for the kind Lost.
	Lost uint64
}

// NewTypedStore puts types over a store. The store stays the caller's, who closes it.
func NewTypedStore[K comparable, V any](store *Store, keys Codec[K], values Codec[V]) *TypedStore[K, V] {
	return &TypedStore[K, V]{store, keys, values}
}

// Store is the store below.
func (t *TypedStore[K, V]) Store() *Store {
	return t.store
}

// buffers are for keys and values while a call lasts.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func keepBuffer(buffer *[]byte) {
	if cap(*buffer) <= keptFlat {
		buffers.Put(buffer)
	}
}

// Get reads a value. It fails with [ErrNotFound] when there is no record.
func (t *TypedStore[K, V]) Get(ctx context.Context, key K) (value V, err error) {
	buffer := buffers.Get().(*[]byte)
	defer keepBuffer(buffer)
	if *buffer, err = t.appendKey("get", (*buffer)[:0], key); err != nil {
		return value, err
	}
	keyLength := len(*buffer)
	if *buffer, err = t.store.AppendGet(ctx, *buffer, (*buffer)[:keyLength:keyLength]); err != nil {
		return value, err
	}
	return t.decodeValue("get", (*buffer)[keyLength:])
}

// GetRecord reads a record with its metadata, revision and times. It fails with [ErrNotFound] when there is none.
func (t *TypedStore[K, V]) GetRecord(ctx context.Context, key K) (*TypedRecord[K, V], error) {
	encoded, err := t.appendKey("get", nil, key)
	if err != nil {
		return nil, err
	}
	record, err := t.store.GetRecord(ctx, encoded)
	if err != nil {
		return nil, err
	}
	return t.decodeRecord("get", record)
}

// GetMany reads many values; keys without a record are not in the result.
func (t *TypedStore[K, V]) GetMany(ctx context.Context, keys []K) (map[K]V, error) {
	encoded, err := t.encodeKeys("get many", keys)
	if err != nil {
		return nil, err
	}
	var values Values
	if err := t.store.GetManyInto(ctx, encoded, &values); err != nil {
		return nil, err
	}
	found := make(map[K]V, len(keys))
	for index, key := range keys {
		data, has := values.At(index)
		if !has {
			continue
		}
		if found[key], err = t.decodeValue("get many", data); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Contains says whether there is a record, without reading it and without counting as a use of it.
func (t *TypedStore[K, V]) Contains(ctx context.Context, key K) (bool, error) {
	encoded, err := t.appendKey("contains", nil, key)
	if err != nil {
		return false, err
	}
	return t.store.Contains(ctx, encoded)
}

// Put writes a record, whatever is there, and returns its new revision. See [Store.Put].
func (t *TypedStore[K, V]) Put(ctx context.Context, key K, value V, options *PutOptions) (revision uint64, err error) {
	err = t.encoded("put", key, value, func(key, value []byte) error {
		revision, err = t.store.Put(ctx, key, value, options)
		return err
	})
	return revision, err
}

// PutIfAbsent writes a record if there is none under its key. See [Store.PutIfAbsent].
func (t *TypedStore[K, V]) PutIfAbsent(ctx context.Context, key K, value V, options *PutOptions) (revision uint64, err error) {
	err = t.encoded("put if absent", key, value, func(key, value []byte) error {
		revision, err = t.store.PutIfAbsent(ctx, key, value, options)
		return err
	})
	return revision, err
}

// Replace writes over the record that is there if that has the expected revision. See [Store.Replace].
func (t *TypedStore[K, V]) Replace(ctx context.Context, key K, value V, expected uint64, options *PutOptions) (revision uint64, err error) {
	err = t.encoded("replace", key, value, func(key, value []byte) error {
		revision, err = t.store.Replace(ctx, key, value, expected, options)
		return err
	})
	return revision, err
}

// PutMany writes many records, each whatever is there. See [Store.PutMany].
func (t *TypedStore[K, V]) PutMany(ctx context.Context, entries []TypedEntry[K, V], options *PutOptions) ([]PutResult, error) {
	const operation = "put many"
	encoded := make([]Entry, len(entries))
	for index, entry := range entries {
		key, err := t.appendKey(operation, nil, entry.Key)
		if err != nil {
			return nil, err
		}
		value, err := t.appendValue(operation, nil, entry.Value)
		if err != nil {
			return nil, err
		}
		encoded[index] = Entry{key, value, entry.Options}
	}
	return t.store.PutMany(ctx, encoded, options)
}

// Remove removes a record and returns the revision that it had. See [Store.Remove].
func (t *TypedStore[K, V]) Remove(ctx context.Context, key K) (revision uint64, err error) {
	encoded, err := t.appendKey("remove", nil, key)
	if err != nil {
		return 0, err
	}
	return t.store.Remove(ctx, encoded)
}

// RemoveRevision removes a record if it has the expected revision. See [Store.RemoveRevision].
func (t *TypedStore[K, V]) RemoveRevision(ctx context.Context, key K, expected uint64) (revision uint64, err error) {
	encoded, err := t.appendKey("remove revision", nil, key)
	if err != nil {
		return 0, err
	}
	return t.store.RemoveRevision(ctx, encoded, expected)
}

// RemoveMany removes many records and returns how many there were.
func (t *TypedStore[K, V]) RemoveMany(ctx context.Context, keys []K) (removed int, err error) {
	encoded, err := t.encodeKeys("remove many", keys)
	if err != nil {
		return 0, err
	}
	return t.store.RemoveMany(ctx, encoded)
}

// Touch restarts a record's max-idle clock and gives it new terms. See [Store.Touch].
func (t *TypedStore[K, V]) Touch(ctx context.Context, key K, lifespan, maxIdle time.Duration) error {
	encoded, err := t.appendKey("touch", nil, key)
	if err != nil {
		return err
	}
	return t.store.Touch(ctx, encoded, lifespan, maxIdle)
}

// Records reads the records that pass a filter of encoded keys, page by page; with [KeysOnly] the values are zero. See
// [Store.Records].
func (t *TypedStore[K, V]) Records(ctx context.Context, options *ListOptions) iter.Seq2[*TypedRecord[K, V], error] {
	keysOnly := options != nil && options.Projection == KeysOnly
	return func(yield func(*TypedRecord[K, V], error) bool) {
		for record, err := range t.store.Records(ctx, options) {
			var typed *TypedRecord[K, V]
			if err == nil && keysOnly {
				typed, err = t.decodeKey("records", record)
			} else if err == nil {
				typed, err = t.decodeRecord("records", record)
			}
			if !yield(typed, err) || err != nil {
				return
			}
		}
	}
}

// Watch tells what happens in the store. An event whose record cannot be decoded ends the loop with [ErrCorrupt]. See
// [Store.Watch].
func (t *TypedStore[K, V]) Watch(ctx context.Context, options *WatchOptions) iter.Seq2[TypedEvent[K, V], error] {
	events := t.store.Watch(ctx, options)
	return func(yield func(TypedEvent[K, V], error) bool) {
		for event, err := range events {
			typed := TypedEvent[K, V]{Kind: event.Kind, Initial: event.Initial, Lost: event.Lost}
			if err == nil && event.Record != nil {
				typed.Record, err = t.decodeRecord("watch", event.Record)
			}
			if !yield(typed, err) || err != nil {
				return
			}
		}
	}
}

// encoded calls write with the encoded key and value, which are valid for the call.
func (t *TypedStore[K, V]) encoded(operation string, key K, value V, write func(key, value []byte) error) (err error) {
	buffer := buffers.Get().(*[]byte)
	defer keepBuffer(buffer)
	if *buffer, err = t.appendKey(operation, (*buffer)[:0], key); err != nil {
		return err
	}
	keyLength := len(*buffer)
	if *buffer, err = t.appendValue(operation, *buffer, value); err != nil {
		return err
	}
	return write((*buffer)[:keyLength], (*buffer)[keyLength:])
}

func (t *TypedStore[K, V]) appendKey(operation string, buffer []byte, key K) ([]byte, error) {
	encoded, err := t.keys.Append(buffer, key)
	return encoded, codecFailed(operation, StatusInvalidArgument, "key", "it cannot be encoded", err)
}

func (t *TypedStore[K, V]) appendValue(operation string, buffer []byte, value V) ([]byte, error) {
	encoded, err := t.values.Append(buffer, value)
	return encoded, codecFailed(operation, StatusInvalidArgument, "value", "it cannot be encoded", err)
}

func (t *TypedStore[K, V]) encodeKeys(operation string, keys []K) ([][]byte, error) {
	encoded := make([][]byte, len(keys))
	for index, key := range keys {
		var err error
		if encoded[index], err = t.appendKey(operation, nil, key); err != nil {
			return nil, err
		}
	}
	return encoded, nil
}

func (t *TypedStore[K, V]) decodeValue(operation string, data []byte) (V, error) {
	value, err := t.values.Decode(data)
	return value, codecFailed(operation, StatusCorrupt, "value", "it cannot be decoded", err)
}

func (t *TypedStore[K, V]) decodeKey(operation string, record *Record) (*TypedRecord[K, V], error) {
	key, err := t.keys.Decode(record.Key)
	if err != nil {
		return nil, codecFailed(operation, StatusCorrupt, "key", "it cannot be decoded", err)
	}
	return &TypedRecord[K, V]{
		Key: key, Metadata: record.Metadata, Revision: record.Revision, ExpiresIn: record.ExpiresIn, MaxIdle: record.MaxIdle,
	}, nil
}

func (t *TypedStore[K, V]) decodeRecord(operation string, record *Record) (*TypedRecord[K, V], error) {
	typed, err := t.decodeKey(operation, record)
	if err != nil {
		return nil, err
	}
	if typed.Value, err = t.decodeValue(operation, record.Value); err != nil {
		return nil, err
	}
	return typed, nil
}

func codecFailed(operation string, status Status, source, message string, cause error) error {
	if cause == nil {
		return nil
	}
	return &Error{Status: status, Operation: operation, Source: source, Message: message + ": " + cause.Error(), cause: cause}
}
