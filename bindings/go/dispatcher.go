package larder

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// drainedAtOnce is how many answers are taken from the library in one call.
const drainedAtOnce = 64

// refusedPause is how long a goroutine waits that drains after the library refused to: as it does where it cannot wait.
const refusedPause = 10 * time.Millisecond

// dispatcher submits requests to a completion queue and hands the answers out.
//
// Whoever waits for the queue drives the library's connections meanwhile, so that an answer is read and handed out by
// one thread. That is a caller, as long as it is alone, which so waits like any client that blocks; where others wait
// too when it has its answer, one goroutine leads in its place until nothing is outstanding. So one OS thread waits in
// the library, however many goroutines do here.
//
// Invariant: while a request is outstanding, somebody leads or run was woken. Whoever gives the lead up looks whether
// anything is outstanding afterwards, and whoever has submitted looks afterwards whether somebody leads.
type dispatcher struct {
	queue    *native.Queue
	registry registry
	// outstanding is how many requests were submitted whose answers were not drained, and one more once it is closed.
	outstanding atomic.Int64
	// isLed says that somebody drains; answers and ended are theirs.
	isLed   atomic.Bool
	answers []native.Answer
	ended   bool
	wake    chan struct{}
	// isLong says that nobody ever leads; see watching.go.
	isLong bool
}

// newDispatcher begins one for calls that are answered soon.
func newDispatcher(capacity int) (*dispatcher, error) {
	opened, err := openDispatcher(capacity)
	if err == nil {
		go opened.run()
	}
	return opened, err
}

func openDispatcher(capacity int) (*dispatcher, error) {
	queue, failure := native.OpenQueue(capacity)
	if failure != nil {
		return nil, failed("open queue", failure)
	}
	return &dispatcher{queue: queue, answers: make([]native.Answer, drainedAtOnce), wake: make(chan struct{}, 1)}, nil
}

// run leads when it is woken and nobody does, until nothing is outstanding; it ends when the queue is closed and empty.
func (d *dispatcher) run() {
	for range d.wake {
		for d.outstanding.Load() > 0 && d.isLed.CompareAndSwap(false, true) {
			for d.outstanding.Load() > 0 && !d.ended {
				if _, _, isRefused := d.drain(0, true); isRefused {
					time.Sleep(refusedPause)
				}
				// Those that have their answers go on first: what they submit now is sent in one piece.
				runtime.Gosched()
			}
			if d.ended {
				return
			}
			d.isLed.Store(false)
		}
	}
}

// drain takes answers, waits for the first if it may, and hands them out, but for one that is its caller's own. It is
// refused on a thread that may not wait, as the library's log thread is; that says nothing of the queue.
func (d *dispatcher) drain(own uint64, waits bool) (answer native.Answer, isAnswered, isRefused bool) {
	count, failure := d.queue.Drain(d.answers, waits)
	d.ended = failure != nil && failure.Status == native.Closed
	isRefused = failure != nil && !d.ended
	d.outstanding.Add(int64(-count))
	for index := range d.answers[:count] {
		if d.answers[index].ID() == own {
			answer, isAnswered = d.answers[index], true
		} else {
			d.deliver(d.answers[index])
		}
	}
	return answer, isAnswered, isRefused
}

func (d *dispatcher) deliver(answer native.Answer) {
	waiting := d.registry.take(answer.ID())
	if waiting == nil {
		answer.Free()
		return
	}
	waiting.answered <- answer
}

// do submits a request and waits for its answer, for the end of the context, or until closing is closed if there is one.
func (d *dispatcher) do(ctx context.Context, operation string, closing <-chan struct{}, store *native.Store, request *native.Request) (native.Answer, error) {
	timeoutMs, inTime := remainingMs(ctx)
	if !inTime {
		return native.Answer{}, deadlinePassed(operation)
	}
	request.TimeoutMs = timeoutMs
	if !d.isLong && d.outstanding.CompareAndSwap(0, 1) {
		if d.isLed.CompareAndSwap(false, true) {
			return d.lead(ctx, operation, closing, store, request)
		}
	} else {
		d.outstanding.Add(1)
	}
	return d.follow(ctx, operation, closing, store, request)
}

// lead submits a request and waits for its answer in the library, or like those that follow where that refuses.
func (d *dispatcher) lead(ctx context.Context, operation string, closing <-chan struct{}, store *native.Store, request *native.Request) (native.Answer, error) {
	id := d.registry.id()
	answer, own, err := d.leadFor(id, ctx, operation, store, request)
	if own == nil {
		return answer, err
	}
	return d.await(id, own, ctx, operation, closing, request.Lends)
}

// leadFor leads until there is the answer. Where this thread may not wait it gives the lead up before, and returns who
// waits for the answer instead.
func (d *dispatcher) leadFor(id uint64, ctx context.Context, operation string, store *native.Store, request *native.Request) (answer native.Answer, own *waiter, err error) {
	defer d.giveUpLead()
	if failure := d.queue.Submit(id, store, request); failure != nil {
		d.outstanding.Add(-1)
		return native.Answer{}, nil, failed(operation, failure)
	}
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { d.queue.Cancel(id) })
		defer stop()
	}
	for !d.ended {
		answer, isAnswered, isRefused := d.drain(id, true)
		if isAnswered {
			answer, err = unlessCancelled(ctx, operation, answer)
			return answer, nil, err
		}
		if isRefused {
			// While nobody else can take the answer yet.
			return native.Answer{}, d.registry.put(id), nil
		}
	}
	return native.Answer{}, nil, closed(operation, "larder")
}

// unlessCancelled is the answer, or the error of the context that cancelled the request.
func unlessCancelled(ctx context.Context, operation string, answer native.Answer) (native.Answer, error) {
	if answer.Status() == native.Cancelled && ctx.Err() != nil {
		answer.Free()
		return native.Answer{}, ended(operation, ctx)
	}
	return answer, nil
}

func (d *dispatcher) giveUpLead() {
	d.isLed.Store(false)
	if d.outstanding.Load() > 0 {
		d.wakeUp()
	}
}

func (d *dispatcher) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// follow submits a request and waits until it is handed its answer.
func (d *dispatcher) follow(ctx context.Context, operation string, closing <-chan struct{}, store *native.Store, request *native.Request) (native.Answer, error) {
	id, own := d.registry.add()
	failure := d.queue.Submit(id, store, request)
	if failure != nil {
		d.outstanding.Add(-1)
	}
	if !d.isLong && !d.isLed.Load() {
		d.wakeUp()
	}
	if failure != nil {
		d.registry.take(id)
		waiters.Put(own)
		return native.Answer{}, failed(operation, failure)
	}
	return d.await(id, own, ctx, operation, closing, request.Lends)
}

// await waits until somebody who leads hands over the answer to a request. One that was lent something is never left
// before: its answer comes when the library has given that back, which it does at once when the request is cancelled.
func (d *dispatcher) await(id uint64, own *waiter, ctx context.Context, operation string, closing <-chan struct{}, lends bool) (native.Answer, error) {
	select {
	case answer := <-own.answered:
		waiters.Put(own)
		return answer, nil
	case <-ctx.Done():
		if lends {
			d.queue.Cancel(id)
		} else if d.abandon(id, own) {
			return native.Answer{}, ended(operation, ctx)
		}
	case <-closing:
		if d.abandon(id, own) {
			return native.Answer{}, closed(operation, "store")
		}
	}
	// The answer was taken out first, or has to be waited for, and is on its way.
	answer := <-own.answered
	waiters.Put(own)
	return unlessCancelled(ctx, operation, answer)
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

// close has everything answered that still waits, and ends run.
func (d *dispatcher) close() {
	d.queue.Close()
	d.outstanding.Add(1)
	d.wakeUp()
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
