//go:build cgo

package native

// #cgo noescape larder_go_queue_submit
// #cgo nocallback larder_go_queue_submit
// #cgo noescape larder_go_queue_drain
// #cgo nocallback larder_go_queue_drain
// #cgo nocallback larder_go_queue_cancel
// #include "trampoline.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Queue is the handle of a completion queue.
type Queue struct {
	handle C.uintptr_t
}

// OpenQueue opens a queue for so many requests, accepted and not yet drained; 0 for the library's default.
func OpenQueue(capacity int) (*Queue, *Failure) {
	var handle, failed C.uintptr_t
	status := C.larder_go_queue_open(C.size_t(capacity), &handle, &failed)
	if failure := takeFailure(status, failed); failure != nil {
		return nil, failure
	}
	queue := &Queue{handle}
	runtime.AddCleanup(queue, func(handle C.uintptr_t) { C.larder_go_queue_free(handle) }, handle)
	return queue, nil
}

// Descriptor is readable while answers wait; it belongs to the queue.
func (q *Queue) Descriptor() (int, *Failure) {
	use()
	var descriptor C.int32_t
	var failed C.uintptr_t
	status := C.larder_go_queue_descriptor(q.handle, &descriptor, &failed)
	runtime.KeepAlive(q)
	return int(descriptor), takeFailure(status, failed)
}

// Submit submits a request under an id; a refused one keeps nothing.
func (q *Queue) Submit(id uint64, store *Store, request *Request) *Failure {
	use()
	numbers := request.numbers()
	numbers.id = C.uint64_t(id)
	var failed C.uintptr_t
	status := C.larder_go_queue_submit(q.handle, request.handle(store), &numbers, bytesOf(request.Key),
		lengthsOf(request.KeyLengths), bytesOf(request.Value), lengthsOf(request.ValueLengths),
		bytesOf(request.Metadata), lengthsOf(request.MetadataLengths),
		(*C.int64_t)(unsafe.Pointer(unsafe.SliceData(request.Terms))), &failed)
	runtime.KeepAlive(q)
	request.keepAlive(store)
	if status >= 0 {
		return nil
	}
	return takeFailure(status, failed)
}

// Drain takes answers. Where none is there it waits for the first if it may, and drives the library's connections on
// this thread meanwhile. The failure has the status Closed once the queue was closed and all answers were taken.
func (q *Queue) Drain(answers []Answer, waits bool) (count int, failure *Failure) {
	use()
	var waitMs C.int64_t
	if waits {
		waitMs = -1
	}
	var taken C.size_t
	var failed C.uintptr_t
	// An Answer is nothing but the struct that C fills in.
	first := (*C.larder_go_answer_t)(unsafe.Pointer(unsafe.SliceData(answers)))
	status := C.larder_go_queue_drain(q.handle, first, C.size_t(len(answers)), waitMs, &taken, &failed)
	runtime.KeepAlive(q)
	if status >= 0 {
		return int(taken), nil
	}
	return int(taken), takeFailure(status, failed)
}

// Cancel cancels a request, which is then answered with the status Cancelled.
func (q *Queue) Cancel(id uint64) {
	use()
	C.larder_go_queue_cancel(q.handle, C.uint64_t(id))
	runtime.KeepAlive(q)
}

// InFlight is how many requests are accepted and not answered.
func (q *Queue) InFlight() int {
	use()
	count := C.larder_go_queue_in_flight(q.handle)
	runtime.KeepAlive(q)
	return int(count)
}

// Close closes the queue: what is in flight is answered with the status Closed.
func (q *Queue) Close() {
	use()
	C.larder_go_queue_close(q.handle)
	runtime.KeepAlive(q)
}
