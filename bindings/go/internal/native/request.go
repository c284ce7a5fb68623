//go:build cgo

package native

// #cgo noescape larder_go_peek
// #cgo nocallback larder_go_peek
// #cgo noescape larder_go_get
// #cgo nocallback larder_go_get
// #cgo noescape larder_go_get_many_into
// #cgo nocallback larder_go_get_many_into
// #cgo noescape larder_go_call
// #cgo nocallback larder_go_call
// #cgo noescape larder_go_put_many
// #cgo nocallback larder_go_put_many
// #cgo noescape larder_go_statistics
// #cgo nocallback larder_go_statistics
// #include "trampoline.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Request is an operation and its arguments. What the operation does not use stays zero.
type Request struct {
	// Operation is one of Get to GetValues.
	Operation uint32
	// Key is the key, the bytes of all keys, or the prefix of a list or a watch.
	Key []byte
	// KeyLengths are the lengths of the keys, for operations on many.
	KeyLengths []uint32
	// Value is the value, the bytes of all values, or the suffix of a list.
	Value []byte
	// ValueLengths are the lengths of the values, for PutMany.
	ValueLengths []uint32
	// Condition is one of Always, IfAbsent and IfRevision.
	Condition uint32
	// Revision is the one that IfRevision expects.
	Revision uint64
	// LifespanMs and MaxIdleMs are terms in milliseconds: 0 for the store's default, or TermUnlimited.
	LifespanMs, MaxIdleMs int64
	// Durability is that of a write: 0 for the store's default, a number of replicas, DurabilityNone or DurabilityAll.
	Durability int32
	// Metadata is metadata in its stored form; for PutMany that of all records.
	Metadata []byte
	// MetadataLengths and Terms are the options of each record of PutMany: lifespan, max-idle and durability in turn.
	// None means the defaults for all.
	MetadataLengths []uint32
	Terms           []int64
	// Offset, Limit and Projection belong to a list.
	Offset, Limit uint64
	Projection    uint32
	// Start and Capacity belong to a watch.
	Start    uint32
	Capacity uint64
	// Most is how many records or events at most are given, for CursorNext and WatchNext.
	Most int
	// TimeoutMs is the deadline in milliseconds from now; 0 for none.
	TimeoutMs int64
	// Cursor and Watch are those of CursorNext and WatchNext.
	Cursor *Cursor
	Watch  *Watch
	// Lends says that the library may read the value where it is, instead of copying it: until the request was answered,
	// it is pinned and does not change.
	Lends bool
}

func (r *Request) flags() C.uint32_t {
	if r.Lends {
		return C.LARDER_REQUEST_LENDS_VALUE
	}
	return 0
}

func (r *Request) numbers() C.larder_go_request_t {
	return C.larder_go_request_t{
		operation:       C.uint32_t(r.Operation),
		condition:       C.uint32_t(r.Condition),
		projection:      C.uint32_t(r.Projection),
		start:           C.uint32_t(r.Start),
		key_length:      C.size_t(len(r.Key)),
		value_length:    C.size_t(len(r.Value)),
		metadata_length: C.size_t(len(r.Metadata)),
		count:           C.size_t(len(r.KeyLengths)),
		put_count:       C.size_t(len(r.MetadataLengths)),
		most:            C.size_t(r.Most),
		revision:        C.uint64_t(r.Revision),
		offset:          C.uint64_t(r.Offset),
		limit:           C.uint64_t(r.Limit),
		capacity:        C.uint64_t(r.Capacity),
		lifespan_ms:     C.int64_t(r.LifespanMs),
		max_idle_ms:     C.int64_t(r.MaxIdleMs),
		timeout_ms:      C.int64_t(r.TimeoutMs),
		durability:      C.int32_t(r.Durability),
		flags:           r.flags(),
	}
}

// handle is what the operation works on.
func (r *Request) handle(store *Store) C.uintptr_t {
	switch {
	case r.Cursor != nil:
		return r.Cursor.handle
	case r.Watch != nil:
		return r.Watch.handle
	default:
		return store.handle
	}
}

// Call does an operation at once, on a store that is immediate.
func (s *Store) Call(request *Request) Answer {
	use()
	numbers := request.numbers()
	var answer Answer
	C.larder_go_call(request.handle(s), &numbers, bytesOf(request.Key), lengthsOf(request.KeyLengths),
		bytesOf(request.Value), bytesOf(request.Metadata), &answer.answer)
	request.keepAlive(s)
	return answer
}

func (r *Request) keepAlive(store *Store) {
	runtime.KeepAlive(store)
	runtime.KeepAlive(r.Cursor)
	runtime.KeepAlive(r.Watch)
}

// Peek looks into memory and copies the value into the buffer; it allocates nothing. The length is the value's, also
// when the buffer is too small.
func (s *Store) Peek(key, buffer []byte) (status int32, length int, revision uint64, failure *Failure) {
	use()
	var found C.larder_go_found_t
	outcome := C.larder_go_peek(s.handle, bytesOf(key), C.size_t(len(key)), bytesOf(buffer), C.size_t(len(buffer)), &found)
	runtime.KeepAlive(s)
	if outcome < 0 {
		failure = takeFailure(outcome, found.error)
	}
	return int32(outcome), int(found.length), uint64(found.revision), failure
}

// Get reads a value, on a store that is immediate, into a buffer that has room for it, or as a new slice behind a copy of
// front. It allocates that slice only.
func (s *Store) Get(key, buffer, front []byte) (length int, own []byte, status int32, failure *Failure) {
	use()
	var found C.larder_go_found_t
	outcome := C.larder_go_get(s.handle, bytesOf(key), C.size_t(len(key)), bytesOf(buffer), C.size_t(len(buffer)), &found)
	runtime.KeepAlive(s)
	switch {
	case outcome == OK:
		return int(found.length), nil, OK, nil
	case outcome != BufferTooSmall:
		return 0, nil, int32(outcome), takeFailure(outcome, found.error)
	}
	own = appendNew(front, borrowed(found.value, found.length))
	C.larder_go_record_free(found.record)
	return int(found.length), own, OK, nil
}

// GetManyInto copies the values of many keys into one buffer, on a store that is immediate; needed are the bytes of all
// of them. It fills in as many lengths as there are keys.
func (s *Store) GetManyInto(keys []byte, keyLengths []uint32, buffer []byte, lengths []int64) (status int32, needed int, failure *Failure) {
	use()
	var found C.larder_go_found_t
	outcome := C.larder_go_get_many_into(s.handle, bytesOf(keys), C.size_t(len(keys)), lengthsOf(keyLengths),
		C.size_t(len(keyLengths)), bytesOf(buffer), C.size_t(len(buffer)),
		(*C.int64_t)(unsafe.Pointer(unsafe.SliceData(lengths))), &found)
	runtime.KeepAlive(s)
	if outcome < 0 {
		failure = takeFailure(outcome, found.error)
	}
	return int32(outcome), int(found.length), failure
}

// PutMany writes many records on a store that is immediate, and fills in what became of each.
func (s *Store) PutMany(request *Request, statuses []int32, revisions []uint64) *Failure {
	use()
	numbers := request.numbers()
	var failed C.uintptr_t
	status := C.larder_go_put_many(s.handle, &numbers, bytesOf(request.Key), lengthsOf(request.KeyLengths),
		bytesOf(request.Value), lengthsOf(request.ValueLengths), bytesOf(request.Metadata),
		lengthsOf(request.MetadataLengths), (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(request.Terms))),
		(*C.int32_t)(unsafe.Pointer(unsafe.SliceData(statuses))),
		(*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(revisions))), &failed)
	runtime.KeepAlive(s)
	return takeFailure(status, failed)
}

// Statistics are the counts of a store that is immediate, in the order of larder_statistics_t from hits on.
func (s *Store) Statistics() (counts [8]uint64, failure *Failure) {
	use()
	var counted C.larder_statistics_t
	var failed C.uintptr_t
	status := C.larder_go_statistics(s.handle, &counted, &failed)
	runtime.KeepAlive(s)
	counts = [8]uint64{uint64(counted.hits), uint64(counted.misses), uint64(counted.puts), uint64(counted.removals),
		uint64(counted.evictions), uint64(counted.expirations), uint64(counted.entries), uint64(counted.bytes)}
	return counts, takeFailure(status, failed)
}
