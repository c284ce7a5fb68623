//go:build cgo

package native

// #cgo noescape larder_go_open
// #cgo noescape larder_go_store_open
// #include "trampoline.h"
import "C"

import (
	"runtime"
	"unsafe"
)

// Larder is the handle of an opened larder.
type Larder struct {
	handle C.uintptr_t
}

// Store is the handle of a store. The zero value answers with InvalidArgument.
type Store struct {
	handle C.uintptr_t
}

// Cursor is the handle of a cursor.
type Cursor struct {
	handle C.uintptr_t
}

// Watch is the handle of a watch.
type Watch struct {
	handle C.uintptr_t
}

// Open opens a larder; Load went before.
func Open(config string) (*Larder, *Failure) {
	var handle, failed C.uintptr_t
	status := C.larder_go_open(text(config), C.size_t(len(config)), &handle, &failed)
	runtime.KeepAlive(config)
	if failure := takeFailure(status, failed); failure != nil {
		return nil, failure
	}
	larder := &Larder{handle}
	runtime.AddCleanup(larder, func(handle C.uintptr_t) { C.larder_go_free(handle) }, handle)
	return larder, nil
}

// Close closes the larder and waits at most so long for its connections to end.
func (l *Larder) Close(waitMs int64) *Failure {
	use()
	var failed C.uintptr_t
	status := C.larder_go_close(l.handle, C.int64_t(waitMs), &failed)
	runtime.KeepAlive(l)
	return takeFailure(status, failed)
}

// Describe is what the larder is, as JSON.
func (l *Larder) Describe() ([]byte, *Failure) {
	use()
	var object, failed C.uintptr_t
	status := C.larder_go_describe(l.handle, &object, &failed)
	runtime.KeepAlive(l)
	return takeBytes(object), takeFailure(status, failed)
}

// Store opens a store; nil for a name is the configured one.
func (l *Larder) Store(name string, database, table *string) (*Store, *Failure) {
	use()
	var handle, failed C.uintptr_t
	status := C.larder_go_store_open(l.handle, text(name), C.size_t(len(name)), optionalText(database),
		optionalLength(database), optionalText(table), optionalLength(table), &handle, &failed)
	runtime.KeepAlive(l)
	runtime.KeepAlive(name)
	runtime.KeepAlive(database)
	runtime.KeepAlive(table)
	if failure := takeFailure(status, failed); failure != nil {
		return nil, failure
	}
	store := &Store{handle}
	runtime.AddCleanup(store, func(handle C.uintptr_t) { C.larder_go_store_free(handle) }, handle)
	return store, nil
}

// IsImmediate says whether every call but those of a watch is answered at once.
func (s *Store) IsImmediate() bool {
	use()
	immediate := C.larder_go_store_is_immediate(s.handle) != 0
	runtime.KeepAlive(s)
	return immediate
}

// Close closes the handle.
func (s *Store) Close() *Failure {
	use()
	var failed C.uintptr_t
	status := C.larder_go_store_close(s.handle, &failed)
	runtime.KeepAlive(s)
	return takeFailure(status, failed)
}

// Describe is what the store is, as JSON.
func (s *Store) Describe() ([]byte, *Failure) {
	use()
	var object, failed C.uintptr_t
	status := C.larder_go_store_describe(s.handle, &object, &failed)
	runtime.KeepAlive(s)
	return takeBytes(object), takeFailure(status, failed)
}

func newCursor(handle C.uintptr_t) *Cursor {
	cursor := &Cursor{handle}
	runtime.AddCleanup(cursor, func(handle C.uintptr_t) { C.larder_go_cursor_free(handle) }, handle)
	return cursor
}

// newWatch takes a watch. Freeing it closes it, so that a reader that waits is answered.
func newWatch(handle C.uintptr_t) *Watch {
	watch := &Watch{handle}
	runtime.AddCleanup(watch, func(handle C.uintptr_t) { C.larder_go_watch_free(handle) }, handle)
	return watch
}

func text(text string) *C.uint8_t {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.StringData(text)))
}

// optionalText is never NULL for a name that is given, because NULL stands for the configured one.
func optionalText(name *string) *C.uint8_t {
	if name == nil {
		return nil
	}
	if *name == "" {
		return &noText
	}
	return text(*name)
}

var noText C.uint8_t

func optionalLength(name *string) C.size_t {
	if name == nil {
		return 0
	}
	return C.size_t(len(*name))
}

func bytesOf(bytes []byte) *C.uint8_t {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(bytes)))
}

func lengthsOf(lengths []uint32) *C.uint32_t {
	return (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(lengths)))
}

// Close closes the watch: a reader that waits is answered with the status Closed.
func (w *Watch) Close() {
	use()
	C.larder_go_watch_close(w.handle)
	runtime.KeepAlive(w)
}
