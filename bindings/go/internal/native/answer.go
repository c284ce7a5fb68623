//go:build cgo

package native

// #cgo noescape larder_go_record_view
// #cgo nocallback larder_go_record_view
// #cgo noescape larder_go_records_flat
// #cgo noescape larder_go_events_flat
// #cgo noescape larder_go_bytes_data
// #cgo noescape larder_go_answer_free
// #include "trampoline.h"
import "C"

import "unsafe"

// Answer is what an operation came to. Each object in it is taken once, or all are freed by Free.
type Answer struct {
	answer C.larder_go_answer_t
}

// Record is a record that was copied out: Bytes hold key, value and metadata one after the other.
type Record struct {
	Bytes                  []byte
	KeyLength, ValueLength int
	Revision               uint64
	ExpiresInMs, MaxIdleMs int64
}

// ID is the id of the request that is answered.
func (a *Answer) ID() uint64 {
	return uint64(a.answer.id)
}

// Status is the status; those below zero come with a failure.
func (a *Answer) Status() int32 {
	return int32(a.answer.status)
}

// Number is a revision, a count or a size.
func (a *Answer) Number() uint64 {
	return uint64(a.answer.number)
}

// TakeFailure is why the operation failed; nil if it did not.
func (a *Answer) TakeFailure() *Failure {
	if a.answer.status >= 0 && a.answer.error == 0 {
		return nil
	}
	failure := takeFailure(a.answer.status, a.answer.error)
	a.answer.error = 0
	return failure
}

// TakeRecord copies the record out and frees it.
func (a *Answer) TakeRecord() Record {
	var view C.larder_go_record_t
	C.larder_go_record_view(a.answer.record, &view)
	record := Record{
		KeyLength:   int(view.key_length),
		ValueLength: int(view.value_length),
		Revision:    uint64(view.revision),
		ExpiresInMs: int64(view.expires_in_ms),
		MaxIdleMs:   int64(view.max_idle_ms),
	}
	record.Bytes = make([]byte, 0, view.key_length+view.value_length+view.metadata_length)
	record.Bytes = append(record.Bytes, borrowed(view.key, view.key_length)...)
	record.Bytes = append(record.Bytes, borrowed(view.value, view.value_length)...)
	record.Bytes = append(record.Bytes, borrowed(view.metadata, view.metadata_length)...)
	C.larder_go_record_free(a.answer.record)
	a.answer.record = 0
	return record
}

// TakeValue takes the record's value into a buffer that has room for it, or as a new slice behind a copy of front, and
// frees the record.
func (a *Answer) TakeValue(buffer, front []byte) (length int, own []byte) {
	var view C.larder_go_record_t
	C.larder_go_record_view(a.answer.record, &view)
	value := borrowed(view.value, view.value_length)
	if len(value) <= len(buffer) {
		copy(buffer, value)
	} else {
		own = appendNew(front, value)
	}
	C.larder_go_record_free(a.answer.record)
	a.answer.record = 0
	return len(value), own
}

// TakeValueInto copies the record's value into a buffer that is large enough, and frees the record. The length is the
// value's in any case.
func (a *Answer) TakeValueInto(buffer []byte) (length int, revision uint64) {
	var view C.larder_go_record_t
	C.larder_go_record_view(a.answer.record, &view)
	if length = int(view.value_length); length <= len(buffer) {
		copy(buffer, borrowed(view.value, view.value_length))
	}
	C.larder_go_record_free(a.answer.record)
	a.answer.record = 0
	return length, uint64(view.revision)
}

// TakeRecords copies the records out in their flat form and frees them; nil without any.
func (a *Answer) TakeRecords() []byte {
	if a.answer.records == 0 {
		return nil
	}
	var length C.size_t
	data := C.larder_go_records_flat(a.answer.records, &length)
	flat := append([]byte(nil), borrowed(data, length)...)
	C.larder_go_records_free(a.answer.records)
	a.answer.records = 0
	return flat
}

// TakeEvents copies the events out in their flat form and frees them; nil without any.
func (a *Answer) TakeEvents() []byte {
	if a.answer.events == 0 {
		return nil
	}
	var length C.size_t
	data := C.larder_go_events_flat(a.answer.events, &length)
	flat := append([]byte(nil), borrowed(data, length)...)
	C.larder_go_events_free(a.answer.events)
	a.answer.events = 0
	return flat
}

// TakeBytes copies the bytes out and frees them; nil without any.
func (a *Answer) TakeBytes() []byte {
	bytes := takeBytes(a.answer.bytes)
	a.answer.bytes = 0
	return bytes
}

// TakeCursor is the cursor that was opened.
func (a *Answer) TakeCursor() *Cursor {
	cursor := newCursor(a.answer.cursor)
	a.answer.cursor = 0
	return cursor
}

// TakeWatch is the watch that was begun.
func (a *Answer) TakeWatch() *Watch {
	watch := newWatch(a.answer.watch)
	a.answer.watch = 0
	return watch
}

// Free frees all that was not taken.
func (a *Answer) Free() {
	C.larder_go_answer_free(&a.answer)
	a.answer = C.larder_go_answer_t{}
}

// appendNew is a new slice of both. Unlike make, append does not clear what is overwritten at once.
func appendNew(front, value []byte) []byte {
	return append(front[:len(front):len(front)], value...)
}

func takeBytes(object C.uintptr_t) []byte {
	if object == 0 {
		return nil
	}
	var length C.size_t
	data := C.larder_go_bytes_data(object, &length)
	bytes := append([]byte(nil), borrowed(data, length)...)
	C.larder_go_bytes_free(object)
	return bytes
}

// borrowed are bytes of the library's, which live as long as their owner.
func borrowed(data *C.uint8_t, length C.size_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(data)), int(length))
}
