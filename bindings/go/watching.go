package larder

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// newWatching begins a dispatcher for reads of watches, which may be outstanding for hours: nobody leads for them, or
// calls would never find the lead free. One goroutine reads the queue's event descriptor through the runtime's poller,
// so that no OS thread waits.
func newWatching(capacity int) (*dispatcher, error) {
	opened, err := openDispatcher(capacity)
	if err != nil {
		return nil, err
	}
	opened.isLong = true
	descriptor, failure := opened.queue.Descriptor()
	if failure != nil {
		return nil, failed("open queue", failure)
	}
	event, err := duplicate(descriptor)
	if err != nil {
		return nil, &Error{Status: StatusIO, Operation: "open queue", Source: "descriptor", Message: err.Error(), cause: err}
	}
	go opened.poll(event)
	return opened, nil
}

// duplicate gives the runtime's poller a descriptor of its own: the queue closes the first one.
func duplicate(descriptor int) (*os.File, error) {
	own, _, number := syscall.Syscall(syscall.SYS_FCNTL, uintptr(descriptor), syscall.F_DUPFD_CLOEXEC, 0)
	if number != 0 {
		return nil, fmt.Errorf("the queue's descriptor cannot be duplicated: %w", number)
	}
	return os.NewFile(own, "larder-queue"), nil
}

// poll hands answers out until the queue was closed and all of them are handed out.
func (d *dispatcher) poll(event *os.File) {
	defer event.Close()
	var counter [8]byte
	for {
		// What it leaves in the queue keeps the descriptor readable, and so does the close.
		_, _, isRefused := d.drain(0, false)
		if d.ended {
			return
		}
		if isRefused {
			time.Sleep(refusedPause)
			continue
		}
		if _, err := event.Read(counter[:]); err != nil {
			return
		}
	}
}
