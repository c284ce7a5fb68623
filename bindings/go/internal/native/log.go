//go:build cgo

package native

// #include "trampoline.h"
import "C"

import "sync"

// LogLine is one line of the library's log.
type LogLine struct {
	Level           int32
	Target, Message string
	Dropped         uint64
}

var logger struct {
	mutex  sync.Mutex
	number uint64
	tell   func(LogLine)
}

// StartLog tells the library's log lines of a level and graver to a function, on a thread of the library's, until
// StopLog with the number that this returns, or a later StartLog.
func StartLog(level int32, tell func(LogLine)) (number uint64, failure *Failure) {
	logger.mutex.Lock()
	logger.number++
	number = logger.number
	logger.tell = tell
	logger.mutex.Unlock()
	var failed C.uintptr_t
	status := C.larder_go_log_start(C.int32_t(level), C.uint64_t(number), &failed)
	return number, takeFailure(status, failed)
}

// StopLog ends what StartLog began, unless a later StartLog did already.
func StopLog(number uint64) {
	logger.mutex.Lock()
	current := logger.number == number && logger.tell != nil
	if current {
		logger.tell = nil
	}
	logger.mutex.Unlock()
	if current {
		C.larder_go_log_stop()
	}
}

//export larderGoLog
func larderGoLog(number C.uint64_t, level C.int32_t, target, message *C.char, dropped C.uint64_t) {
	logger.mutex.Lock()
	tell := logger.tell
	if uint64(number) != logger.number {
		tell = nil
	}
	logger.mutex.Unlock()
	if tell == nil {
		return
	}
	tell(LogLine{int32(level), C.GoString(target), C.GoString(message), uint64(dropped)})
}

// ArmPanic makes the next call of this OS thread into the library panic inside; for tests.
func ArmPanic() {
	C.larder_go_arm_panic()
}
