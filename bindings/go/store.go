package larder

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Store is the records of one database and table: keys and values of any bytes. Any number of goroutines may use it.
// It is made by [Larder.Store].
//
// Every method that takes a context fails as the context does when that ends first; a write may have happened then.
// All fail with [ErrClosed] after Close, with [ErrUnavailable] when a store behind a network cannot be reached, and
// with [ErrPanic] or [ErrInternal] for a fault of Larder's own. Other errors are named where they can happen.
type Store struct {
	larder    *Larder
	handle    *native.Store
	immediate bool
	closing   chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// PutOptions are the options of a write. The zero value, and nil, take the store's defaults.
type PutOptions struct {
	// Lifespan is how long the record lives, rounded up to a millisecond; 0 for the store's default, [Unlimited] for
	// ever.
	Lifespan time.Duration
	// MaxIdle is how long it lives without being read, rounded up to a millisecond; 0 for the store's default,
	// [Unlimited] for ever.
	MaxIdle time.Duration
	// Metadata is stored beside the value, in place of what was there; nil for none.
	Metadata Metadata
	// Durability is how many replicas must have the write before it counts as done; 0 for the store's default. A store
	// that has no replicas takes 0 and [DurabilityNone].
	Durability Durability
}

// lentFrom is the length from which on the library is lent a value: for less, a copy costs less than to pin it.
const lentFrom = 4 << 10

// valueOnStack is the length up to which Get reads a value without knowing its length before.
const valueOnStack = 512

// Get reads a value. The slice is the caller's; it is not nil, also when the value is empty.
//
// It fails with [ErrNotFound] when there is no record.
func (s *Store) Get(ctx context.Context, key []byte) ([]byte, error) {
	var scratch [valueOnStack]byte
	length, own, err := s.get(ctx, key, scratch[:], nil)
	if err != nil || own != nil {
		return own, err
	}
	return append(make([]byte, 0, length), scratch[:length]...), nil
}

// GetInto copies a value into a buffer and returns the value's length and the record's revision. Reading from memory it
// allocates nothing.
//
// It fails with [ErrNotFound] when there is no record, and with [ErrBufferTooSmall] when the value is longer than the
// buffer; length and revision are returned then too, and nothing is copied.
func (s *Store) GetInto(ctx context.Context, key, buffer []byte) (length int, revision uint64, err error) {
	if ctx.Err() != nil {
		return 0, 0, ended("get", ctx)
	}
	status, length, revision, failure := s.handle.Peek(key, buffer)
	switch status {
	case native.OK:
		return length, revision, nil
	case native.NotFound:
		return 0, 0, ErrNotFound
	case native.BufferTooSmall:
		return length, revision, ErrBufferTooSmall
	case native.Pending:
		return s.fetchInto(ctx, key, buffer)
	default:
		return 0, 0, failed("get", failure)
	}
}

func (s *Store) fetchInto(ctx context.Context, key, buffer []byte) (length int, revision uint64, err error) {
	answer, err := s.submit(ctx, "get", &native.Request{Operation: native.GetValue, Key: key})
	if err != nil {
		return 0, 0, err
	}
	length, revision = answer.TakeValueInto(buffer)
	if length > len(buffer) {
		return length, revision, ErrBufferTooSmall
	}
	return length, revision, nil
}

// AppendGet appends a value to a buffer, which grows where it must, and returns it. With room enough in the buffer,
// reading from memory allocates nothing.
//
// It fails with [ErrNotFound] when there is no record; the buffer is returned as it was then.
func (s *Store) AppendGet(ctx context.Context, buffer, key []byte) ([]byte, error) {
	length, own, err := s.get(ctx, key, buffer[len(buffer):cap(buffer)], buffer)
	if err != nil {
		return buffer, err
	}
	if own != nil {
		return own, nil
	}
	return buffer[:len(buffer)+length], nil
}

// get reads a value once, into a buffer that has room for it, or as a slice of its own behind a copy of front.
func (s *Store) get(ctx context.Context, key, buffer, front []byte) (length int, own []byte, err error) {
	const operation = "get"
	if ctx.Err() != nil {
		return 0, nil, ended(operation, ctx)
	}
	if s.immediate {
		length, own, status, failure := s.handle.Get(key, buffer, front)
		if failure != nil {
			return 0, nil, failed(operation, failure)
		}
		return length, own, outcome(status)
	}
	status, length, _, failure := s.handle.Peek(key, buffer)
	if failure != nil {
		return 0, nil, failed(operation, failure)
	}
	// What memory has and the buffer has no room for is asked for like what memory does not know.
	if status != native.Pending && status != native.BufferTooSmall {
		return length, nil, outcome(status)
	}
	answer, err := s.submit(ctx, operation, &native.Request{Operation: native.GetValue, Key: key})
	if err != nil {
		return 0, nil, err
	}
	length, own = answer.TakeValue(buffer, front)
	return length, own, nil
}

// GetRecord reads a record with its metadata, revision and times.
//
// It fails with [ErrNotFound] when there is none.
func (s *Store) GetRecord(ctx context.Context, key []byte) (*Record, error) {
	answer, err := s.run(ctx, "get", &native.Request{Operation: native.Get, Key: key})
	if err != nil {
		return nil, err
	}
	return recordOf(answer.TakeRecord()), nil
}

// Contains says whether there is a record, without reading it and without counting as a use of it.
func (s *Store) Contains(ctx context.Context, key []byte) (bool, error) {
	_, err := s.run(ctx, "contains", &native.Request{Operation: native.Contains, Key: key})
	if err == ErrNotFound {
		return false, nil
	}
	return err == nil, err
}

// Put writes a record, whatever is there, and returns its new revision. The key and the value must not change before it
// returns, however that is, and are not used afterwards. A store on a server reads a long value where it is, so that a Put
// whose context ends returns as soon as the library has let go of the value, which no server can delay.
//
// It fails with [ErrTooLarge], [ErrOutOfMemory] (the record that was there stays), [ErrInvalidArgument] for options
// that are out of range, [ErrUnsupported] for a durability that the store cannot give, or [ErrAmbiguous] when whether it
// happened cannot be known.
func (s *Store) Put(ctx context.Context, key, value []byte, options *PutOptions) (revision uint64, err error) {
	request := native.Request{Operation: native.Put, Key: key, Value: value}
	if !s.immediate && len(value) >= lentFrom {
		var pinner runtime.Pinner
		pinner.Pin(unsafe.SliceData(value))
		defer pinner.Unpin()
		request.Lends = true
	}
	return s.write(ctx, "put", request, options)
}

// PutIfAbsent writes a record if there is none under its key, and returns its revision.
//
// It fails with [ErrConflict] when there is one, and returns that one's revision; otherwise as [Store.Put].
func (s *Store) PutIfAbsent(ctx context.Context, key, value []byte, options *PutOptions) (revision uint64, err error) {
	request := native.Request{Operation: native.Put, Key: key, Value: value, Condition: native.IfAbsent}
	return s.write(ctx, "put if absent", request, options)
}

// Replace writes over the record that is there if that has the expected revision, and returns the new one.
//
// It fails with [ErrConflict] when the record has another revision, and returns that; with [ErrNotFound] when there is
// none; otherwise as [Store.Put].
func (s *Store) Replace(ctx context.Context, key, value []byte, expected uint64, options *PutOptions) (revision uint64, err error) {
	request := native.Request{Operation: native.Put, Key: key, Value: value, Condition: native.IfRevision, Revision: expected}
	return s.write(ctx, "replace", request, options)
}

// Remove removes a record and returns the revision that it had.
//
// It fails with [ErrNotFound] when there was none, or with [ErrAmbiguous].
func (s *Store) Remove(ctx context.Context, key []byte) (revision uint64, err error) {
	return s.number(ctx, "remove", &native.Request{Operation: native.Remove, Key: key})
}

// RemoveRevision removes a record if it has the expected revision.
//
// It fails with [ErrConflict] when it has another one, and returns that; otherwise as [Store.Remove].
func (s *Store) RemoveRevision(ctx context.Context, key []byte, expected uint64) (revision uint64, err error) {
	request := native.Request{Operation: native.Remove, Key: key, Condition: native.IfRevision, Revision: expected}
	return s.number(ctx, "remove revision", &request)
}

// Touch restarts a record's max-idle clock and gives it new terms, counted from now: a term of 0 stays as it is,
// [Unlimited] is without end. Value and revision stay.
//
// It fails with [ErrNotFound] when there is no record, or with [ErrInvalidArgument].
func (s *Store) Touch(ctx context.Context, key []byte, lifespan, maxIdle time.Duration) error {
	request := native.Request{Operation: native.Touch, Key: key}
	if err := setTerms(&request, "touch", lifespan, maxIdle); err != nil {
		return err
	}
	_, err := s.run(ctx, "touch", &request)
	return err
}

// Clear removes every record of the store's database and table, and returns how many there were. Watches see each as
// removed.
func (s *Store) Clear(ctx context.Context) (removed int, err error) {
	number, err := s.number(ctx, "clear", &native.Request{Operation: native.Clear})
	return int(number), err
}

// Size is how many records the store's database and table holds; expired ones do not count.
func (s *Store) Size(ctx context.Context) (int, error) {
	number, err := s.number(ctx, "size", &native.Request{Operation: native.Size})
	return int(number), err
}

// Ping asks whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.run(ctx, "ping", &native.Request{Operation: native.Ping})
	return err
}

// Describe is what the store is and what it can do, as a JSON object without secrets.
func (s *Store) Describe() (json.RawMessage, error) {
	text, failure := s.handle.Describe()
	runtime.KeepAlive(s)
	return text, failed("describe", failure)
}

// Close closes this store: each later call on it fails with [ErrClosed], what waits does so now, and its watches end. A
// write that waits and may have been sent to a server fails with [ErrAmbiguous]. Other stores on the same records stay
// open. A second Close does nothing.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.closeErr = failed("close", s.handle.Close())
		close(s.closing)
	})
	return s.closeErr
}

// write sets the options and writes.
func (s *Store) write(ctx context.Context, operation string, request native.Request, options *PutOptions) (uint64, error) {
	if options != nil {
		if err := setTerms(&request, operation, options.Lifespan, options.MaxIdle); err != nil {
			return 0, err
		}
		if len(options.Metadata) > 0 {
			stored, err := appendMetadata(operation, nil, options.Metadata)
			if err != nil {
				return 0, err
			}
			request.Metadata = stored
		}
		durability, err := durabilityNumber(operation, options.Durability)
		if err != nil {
			return 0, err
		}
		request.Durability = durability
	}
	return s.number(ctx, operation, &request)
}

func setTerms(request *native.Request, operation string, lifespan, maxIdle time.Duration) (err error) {
	if request.LifespanMs, err = termMs(operation, "Lifespan", lifespan); err != nil {
		return err
	}
	request.MaxIdleMs, err = termMs(operation, "MaxIdle", maxIdle)
	return err
}

// number runs a request that is answered with a number; that comes along with ErrConflict too.
func (s *Store) number(ctx context.Context, operation string, request *native.Request) (uint64, error) {
	answer, err := s.run(ctx, operation, request)
	return answer.Number(), err
}

// run does a request at once where the store can, and submits it where it would wait. With an error the answer owns
// nothing.
func (s *Store) run(ctx context.Context, operation string, request *native.Request) (native.Answer, error) {
	if !s.immediate {
		return s.submit(ctx, operation, request)
	}
	if ctx.Err() != nil {
		return native.Answer{}, ended(operation, ctx)
	}
	answer := s.handle.Call(request)
	return answer, errorOf(operation, &answer)
}

// submit does a request through the queue.
func (s *Store) submit(ctx context.Context, operation string, request *native.Request) (native.Answer, error) {
	if ctx.Err() != nil {
		return native.Answer{}, ended(operation, ctx)
	}
	requests, err := s.larder.core.dispatcherOf(request)
	if err != nil {
		return native.Answer{}, err
	}
	answer, err := requests.do(ctx, operation, s.endOf(request), s.handle, request)
	runtime.KeepAlive(s)
	if err != nil {
		return answer, err
	}
	return answer, errorOf(operation, &answer)
}

// endOf is what ends the wait for a request besides its answer: the library does not end a watch with the store. It answers
// every other request when the store is closed, and knows whether a write was sent.
func (s *Store) endOf(request *native.Request) <-chan struct{} {
	if request.Watch == nil {
		return nil
	}
	return s.closing
}

func errorOf(operation string, answer *native.Answer) error {
	if failure := answer.TakeFailure(); failure != nil {
		return failed(operation, failure)
	}
	return outcome(answer.Status())
}
