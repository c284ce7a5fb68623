package larder

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// drainedAtOnce is how many answers are taken from the library in one call.
const drainedAtOnce = 64

// dispatcher submits requests to a completion queue and hands the answers out. One goroutine reads the queue's event
// descriptor through the runtime's poller, so that no OS thread waits, and drains the queue in batches.
type dispatcher struct {
	queue    *native.Queue
	registry registry
}

func newDispatcher(capacity int) (*dispatcher, error) {
	const operation = "open queue"
	queue, failure := native.OpenQueue(capacity)
	if failure != nil {
		return nil, failed(operation, failure)
	}
	descriptor, failure := queue.Descriptor()
	if failure != nil {
		return nil, failed(operation, failure)
	}
	event, err := duplicate(descriptor)
	if err != nil {
		return nil, &Error{Status: StatusIO, Operation: operation, Source: "descriptor", Message: err.Error(), cause: err}
	}
	opened := &dispatcher{queue: queue}
	go opened.run(event)
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

// run hands answers out until the queue was closed and all of them are handed out.
func (d *dispatcher) run(event *os.File) {
	defer event.Close()
	var counter [8]byte
	answers := make([]native.Answer, drainedAtOnce)
	for {
		count, failure := d.queue.Drain(answers)
		for index := range answers[:count] {
			d.deliver(answers[index])
		}
		if failure != nil {
			return
		}
		if count > 0 {
			continue
		}
		// The queue is empty and open. It is readable again when an answer comes, or when it is closed.
		if _, err := event.Read(counter[:]); err != nil {
			return
		}
	}
}

func (d *dispatcher) deliver(answer native.Answer) {
	waiting := d.registry.take(answer.ID())
	if waiting == nil {
		answer.Free()
		return
	}
	waiting.answered <- answer
}

// do submits a request and waits for its answer, for the end of the context, or until closing is closed.
func (d *dispatcher) do(ctx context.Context, operation string, closing <-chan struct{}, store *native.Store, request *native.Request) (native.Answer, error) {
	timeoutMs, inTime := remainingMs(ctx)
	if !inTime {
		return native.Answer{}, deadlinePassed(operation)
	}
	request.TimeoutMs = timeoutMs
	id, own := d.registry.add()
	if failure := d.queue.Submit(id, store, request); failure != nil {
		d.registry.take(id)
		waiters.Put(own)
		return native.Answer{}, failed(operation, failure)
	}
	select {
	case answer := <-own.answered:
		waiters.Put(own)
		return answer, nil
	case <-ctx.Done():
		if d.abandon(id, own) {
			return native.Answer{}, ended(operation, ctx)
		}
	case <-closing:
		if d.abandon(id, own) {
			return native.Answer{}, closed(operation, "store")
		}
	}
	// The answer was taken out first, and is on its way.
	answer := <-own.answered
	waiters.Put(own)
	return answer, nil
}

// abandon takes the request back: its answer, if there will be one, finds nobody. It says whether that was in time.
func (d *dispatcher) abandon(id uint64, own *waiter) bool {
	if d.registry.take(id) == nil {
		return false
	}
	d.queue.Cancel(id)
	waiters.Put(own)
	return true
}

// close answers everything that waits with the status Closed and ends run.
func (d *dispatcher) close() {
	d.queue.Close()
}

// remainingMs is the time until the context's deadline in whole milliseconds, rounded up; 0 for none.
func remainingMs(ctx context.Context) (timeoutMs int64, inTime bool) {
	deadline, has := ctx.Deadline()
	if !has {
		return 0, true
	}
	remaining := time.Until(deadline)
	if remaining <= 0 {
		return 0, false
	}
	return milliseconds(remaining), true
}

func deadlinePassed(operation string) error {
	return &Error{Status: StatusTimeout, Operation: operation, Retryable: true, Message: "the context's deadline has passed"}
}
