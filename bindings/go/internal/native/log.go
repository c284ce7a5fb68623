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

// Log is a function that the library's log lines are told to.
type Log struct {
	number uint64
	level  int32
	tell   func(LogLine)
	// before is the log that it took the place of, if that was to go on.
	before *Log
	ended  bool
}

// logs holds the one log that the library tells its lines to; nil for none. starting is held while another one takes its
// place and the library is told so, so that both agree on the last; mutex while it is changed or read.
var logs struct {
	starting sync.Mutex
	mutex    sync.Mutex
	count    uint64
	current  *Log
}

// StartLog tells the library's log lines of a level and graver to a function, on a thread of the library's, until the log
// is stopped or taken back, or a later one is started.
func StartLog(level int32, tell func(LogLine)) (*Log, *Failure) {
	logs.starting.Lock()
	defer logs.starting.Unlock()
	// Only who holds starting changes it.
	started := &Log{level: level, tell: tell, before: logs.current}
	if failure := started.begin(); failure != nil {
		started.giveBack()
		return nil, failure
	}
	return started, nil
}

// begin makes it the one that lines are told to. For who holds starting.
func (l *Log) begin() *Failure {
	logs.mutex.Lock()
	logs.count++
	number := logs.count
	l.number = number
	logs.current = l
	logs.mutex.Unlock()
	var failed C.uintptr_t
	status := C.larder_go_log_start(C.int32_t(l.level), C.uint64_t(number), &failed)
	return takeFailure(status, failed)
}

// Keep says that the log goes on until it is stopped: nothing comes back that it took the place of.
func (l *Log) Keep() {
	if l == nil {
		return
	}
	logs.starting.Lock()
	defer logs.starting.Unlock()
	l.before = nil
}

// Stop ends the log, unless a later one did already. Nothing takes its place.
func (l *Log) Stop() {
	if l == nil {
		return
	}
	logs.starting.Lock()
	defer logs.starting.Unlock()
	if l.end() {
		C.larder_go_log_stop()
	}
}

// TakeBack ends the log as if it had not been started: what it took the place of goes on, if nobody stopped that.
func (l *Log) TakeBack() {
	if l == nil {
		return
	}
	logs.starting.Lock()
	defer logs.starting.Unlock()
	l.giveBack()
}

// giveBack is TakeBack for who holds starting.
func (l *Log) giveBack() {
	if !l.end() {
		return
	}
	for before := l.before; before != nil; before = before.before {
		if !before.ended && before.begin() == nil {
			return
		}
	}
	C.larder_go_log_stop()
}

// end says whether lines were told to it until now. For who holds starting.
func (l *Log) end() bool {
	logs.mutex.Lock()
	defer logs.mutex.Unlock()
	l.ended = true
	if logs.current != l {
		return false
	}
	logs.current = nil
	return true
}

//export larderGoLog
func larderGoLog(number C.uint64_t, level C.int32_t, target, message *C.char, dropped C.uint64_t) {
	logs.mutex.Lock()
	current := logs.current
	isCurrent := current != nil && current.number == uint64(number)
	logs.mutex.Unlock()
	if !isCurrent {
		return
	}
	current.tell(LogLine{int32(level), C.GoString(target), C.GoString(message), uint64(dropped)})
}

// ArmPanic makes the next call of this OS thread into the library panic inside; for tests.
func ArmPanic() {
	C.larder_go_arm_panic()
}
