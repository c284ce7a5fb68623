package larder

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Entry is one record to write among many.
type Entry struct {
	// Key is the key.
	Key []byte
	// Value is the value.
	Value []byte
	// Options are the options of this record; nil for those of the call.
	Options *PutOptions
}

// PutResult is what became of one record among many.
type PutResult struct {
	// Revision is the record's new revision.
	Revision uint64
	// Err is why it was not written; nil if it was.
	Err error
}

// guessedValue is how long values are taken to be before the first read into Values.
const guessedValue = 128

// keptFlat is the largest buffer that is kept for the next call.
const keptFlat = 1 << 20

var flats = sync.Pool{New: func() any { return new(flattened) }}

func keepFlat(flat *flattened) {
	if cap(flat.bytes) <= keptFlat {
		flats.Put(flat)
	}
}

// GetMany reads many records, in the order of the keys; nil stands where there is no record.
func (s *Store) GetMany(ctx context.Context, keys [][]byte) ([]*Record, error) {
	flat := flats.Get().(*flattened)
	defer keepFlat(flat)
	if err := flat.flatten("get many", "keys", keys); err != nil {
		return nil, err
	}
	answer, err := s.run(ctx, "get many", &native.Request{Operation: native.GetMany, Key: flat.bytes, KeyLengths: flat.lengths})
	if err != nil {
		return nil, err
	}
	records := make([]*Record, len(keys))
	for index, item := range parseFlat(answer.TakeRecords()) {
		records[index] = item.record
	}
	return records, nil
}

// Values are the values of many keys, in memory that is used again and again. The zero value is ready. One goroutine at
// a time may use it.
type Values struct {
	keys    flattened
	buffer  []byte
	lengths []int64
	ends    []int
}

// Len is how many values there are, those included that were not found.
func (v *Values) Len() int {
	return len(v.lengths)
}

// At is the value of a key by its place, and whether there is one. The slice is valid until the next read into v.
func (v *Values) At(index int) (value []byte, found bool) {
	length := v.lengths[index]
	if length == native.LengthNotFound {
		return nil, false
	}
	end := v.ends[index]
	return v.buffer[end-int(length) : end : end], true
}

// GetManyInto reads the values of many keys into memory that the caller uses again, in the order of the keys. Reading
// from memory it allocates nothing once there is room.
func (s *Store) GetManyInto(ctx context.Context, keys [][]byte, values *Values) error {
	const operation = "get many"
	values.lengths = values.lengths[:0]
	if ctx.Err() != nil {
		return ended(operation, ctx)
	}
	if err := values.keys.flatten(operation, "keys", keys); err != nil {
		return err
	}
	if !s.immediate {
		return s.fetchManyInto(ctx, values)
	}
	values.resize(len(keys))
	if len(values.buffer) == 0 {
		values.buffer = make([]byte, guessedValue*len(keys))
	}
	for {
		status, needed, failure := s.handle.GetManyInto(values.keys.bytes, values.keys.lengths, values.buffer, values.lengths)
		if failure != nil {
			values.lengths = values.lengths[:0]
			return failed(operation, failure)
		}
		if status == native.OK {
			values.settle()
			return nil
		}
		values.buffer = make([]byte, max(needed, 2*len(values.buffer)))
	}
}

func (s *Store) fetchManyInto(ctx context.Context, values *Values) error {
	request := native.Request{Operation: native.GetValues, Key: values.keys.bytes, KeyLengths: values.keys.lengths}
	answer, err := s.submit(ctx, "get many", &request)
	if err != nil {
		return err
	}
	values.resize(len(request.KeyLengths))
	filled := values.buffer[:0]
	for index, item := range parseFlat(answer.TakeRecords()) {
		values.lengths[index] = native.LengthNotFound
		if item.record != nil {
			values.lengths[index] = int64(len(item.record.Value))
			filled = append(filled, item.record.Value...)
		}
	}
	values.buffer = filled[:cap(filled)]
	values.settle()
	return nil
}

func (v *Values) resize(count int) {
	if cap(v.lengths) < count {
		v.lengths = make([]int64, count)
		v.ends = make([]int, count)
	}
	v.lengths, v.ends = v.lengths[:count], v.ends[:count]
}

// settle computes where each value ends.
func (v *Values) settle() {
	end := 0
	for index, length := range v.lengths {
		if length > 0 {
			end += int(length)
		}
		v.ends[index] = end
	}
}

// PutMany writes many records, each whatever is there; options are those of the records that have none of their own.
// It is not one transaction: an error of one record is in its result, and the others are written. The error is that of
// the first record that was not written, or why the call failed, and then there are no results.
func (s *Store) PutMany(ctx context.Context, entries []Entry, options *PutOptions) ([]PutResult, error) {
	const operation = "put many"
	if ctx.Err() != nil {
		return nil, ended(operation, ctx)
	}
	keys, values := flats.Get().(*flattened), flats.Get().(*flattened)
	defer keepFlat(keys)
	defer keepFlat(values)
	request, err := putManyRequest(entries, options, keys, values)
	if err != nil {
		return nil, err
	}
	if s.immediate {
		return s.putManyAtOnce(request)
	}
	answer, err := s.submit(ctx, operation, request)
	return resultsOf(answer.TakeBytes(), err), err
}

func (s *Store) putManyAtOnce(request *native.Request) ([]PutResult, error) {
	count := len(request.KeyLengths)
	statuses, revisions := make([]int32, count), make([]uint64, count)
	// Where the call itself fails no status is written, and 1 is not what a write comes to.
	for index := range statuses {
		statuses[index] = native.NotFound
	}
	failure := s.handle.PutMany(request, statuses, revisions)
	if failure != nil && count > 0 && statuses[count-1] == native.NotFound {
		return nil, failed("put many", failure)
	}
	results, first := make([]PutResult, count), failed("put many", failure)
	for index, status := range statuses {
		results[index] = PutResult{revisions[index], putError(status, &first)}
	}
	return results, failed("put many", failure)
}

func putManyRequest(entries []Entry, options *PutOptions, keys, values *flattened) (*native.Request, error) {
	const operation = "put many"
	keys.reset()
	values.reset()
	own := options != nil
	for _, entry := range entries {
		if !keys.add(entry.Key) {
			return nil, tooLarge(operation, "key", len(entry.Key))
		}
		if !values.add(entry.Value) {
			return nil, tooLarge(operation, "value", len(entry.Value))
		}
		own = own || entry.Options != nil
	}
	request := &native.Request{
		Operation: native.PutMany,
		Key:       keys.bytes, KeyLengths: keys.lengths,
		Value: values.bytes, ValueLengths: values.lengths,
	}
	if !own {
		return request, nil
	}
	for _, entry := range entries {
		chosen := entry.Options
		if chosen == nil {
			chosen = options
		}
		if err := addOptions(request, chosen); err != nil {
			return nil, err
		}
	}
	return request, nil
}

// addOptions adds the options of one more record.
func addOptions(request *native.Request, options *PutOptions) error {
	const operation = "put many"
	if options == nil {
		options = &PutOptions{}
	}
	lifespanMs, err := termMs(operation, "Lifespan", options.Lifespan)
	if err != nil {
		return err
	}
	maxIdleMs, err := termMs(operation, "MaxIdle", options.MaxIdle)
	if err != nil {
		return err
	}
	durability, err := durabilityNumber(operation, options.Durability)
	if err != nil {
		return err
	}
	before := len(request.Metadata)
	if request.Metadata, err = appendMetadata(operation, request.Metadata, options.Metadata); err != nil {
		return err
	}
	request.Terms = append(request.Terms, lifespanMs, maxIdleMs, int64(durability))
	request.MetadataLengths = append(request.MetadataLengths, uint32(len(request.Metadata)-before))
	return nil
}

// resultsOf reads, for each record, its status (i32), 0 (u32) and revision (u64), little-endian; first is the error of the
// first that was not written.
func resultsOf(told []byte, first error) []PutResult {
	if told == nil {
		return nil
	}
	results := make([]PutResult, 0, len(told)/16)
	for ; len(told) >= 16; told = told[16:] {
		status := int32(binary.LittleEndian.Uint32(told))
		results = append(results, PutResult{binary.LittleEndian.Uint64(told[8:]), putError(status, &first)})
	}
	return results
}

// putError is the error of one record. The library tells why only of the first one that failed: that takes first.
func putError(status int32, first *error) error {
	if status == native.OK {
		return nil
	}
	if *first != nil {
		err := *first
		*first = nil
		return err
	}
	if status > 0 {
		return outcome(status)
	}
	known := knownStatus(status)
	return &Error{Status: known, Operation: "put many", Retryable: known.isRetryable()}
}

// RemoveMany removes many records and returns how many there were.
func (s *Store) RemoveMany(ctx context.Context, keys [][]byte) (removed int, err error) {
	flat := flats.Get().(*flattened)
	defer keepFlat(flat)
	if err := flat.flatten("remove many", "keys", keys); err != nil {
		return 0, err
	}
	number, err := s.number(ctx, "remove many", &native.Request{Operation: native.RemoveMany, Key: flat.bytes, KeyLengths: flat.lengths})
	return int(number), err
}
