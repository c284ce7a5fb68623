package larder

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// EventKind says what happened to a record. Expect kinds of later versions.
type EventKind uint8

const (
	// Created: the record is new, or was there when the watch began.
	Created EventKind = native.EventCreated
	// Updated: the record was written over.
	Updated EventKind = native.EventUpdated
	// Removed: the record was removed by a caller.
	Removed EventKind = native.EventRemoved
	// Expired: the record's lifespan or max-idle ended.
	Expired EventKind = native.EventExpired
	// Evicted: the store made room.
	Evicted EventKind = native.EventEvicted
	// Current: all that was there when the watch began has been told. There is no record.
	Current EventKind = native.EventCurrent
	// Lost: the reader was too slow, and events were dropped. There is no record.
	Lost EventKind = native.EventLost
)

var eventNames = map[EventKind]string{
	Created: "created", Updated: "updated", Removed: "removed", Expired: "expired", Evicted: "evicted",
	Current: "current", Lost: "lost",
}

// String is the kind's name, such as "created"; "unknown" for one of a later version.
func (k EventKind) String() string {
	if name, known := eventNames[k]; known {
		return name
	}
	return "unknown"
}

// Event is something that happened in a store.
type Event struct {
	// Kind is what happened.
	Kind EventKind
	// Record is the record as written; for a removed, expired or evicted one as it last was. Nil for Current and Lost.
	Record *Record
	// Initial says that this tells what was there when the watch began.
	Initial bool
	// Lost is how many events were dropped, for the kind Lost.
	Lost uint64
}

// WatchStart says where a watch begins.
type WatchStart uint32

const (
	// FromNow begins with the next change.
	FromNow WatchStart = native.WatchNow
	// FromExisting begins with a Created event for each record that is there, then one Current event, then changes.
	FromExisting WatchStart = native.WatchExisting
)

// WatchOptions say what a watch tells. The zero value, and nil, tell every change from now on.
type WatchOptions struct {
	// Prefix is what the keys begin with; empty for all.
	Prefix []byte
	// Start is [FromNow] or [FromExisting]. Default: [FromNow].
	Start WatchStart
	// Capacity is how many events may wait for the loop; beyond it events are dropped, and one Lost event tells how
	// many. Default: 0, for 65,536.
	Capacity int
}

// eventsAtOnce is how many events are read from the library at a time.
const eventsAtOnce = 256

// Watch tells what happens in the store, in the order in which it happens to each key. The watch has begun when this
// returns: a change that comes after it is told, also when the loop begins later. The loop ends with the context's
// error when that ends, with [ErrClosed] when the store or the larder is closed, and with [ErrUnsupported] at once
// where the store has no watch; an error comes once, with an empty event, and is the last. Leaving the loop ends the
// watch, so the sequence can be used once.
func (s *Store) Watch(ctx context.Context, options *WatchOptions) iter.Seq2[Event, error] {
	watch, err := s.openWatch(ctx, options)
	if err != nil {
		return func(yield func(Event, error) bool) { yield(Event{}, err) }
	}
	return s.events(ctx, watch)
}

// events tells the events of a watch that has begun.
func (s *Store) events(ctx context.Context, watch *native.Watch) iter.Seq2[Event, error] {
	var used atomic.Bool
	return func(yield func(Event, error) bool) {
		if used.Swap(true) {
			yield(Event{}, closed("watch", "watch"))
			return
		}
		if err := s.readEvents(ctx, watch, yield); err != nil {
			yield(Event{}, err)
		}
	}
}

func (s *Store) openWatch(ctx context.Context, options *WatchOptions) (*native.Watch, error) {
	request := native.Request{Operation: native.OpenWatch}
	if options != nil {
		if options.Capacity < 0 {
			return nil, invalid("watch", "WatchOptions.Capacity", "it is negative; 0 is the default")
		}
		request.Key = options.Prefix
		request.Start = uint32(options.Start)
		request.Capacity = uint64(options.Capacity)
	}
	answer, err := s.submit(ctx, "watch", &request)
	if err != nil {
		return nil, err
	}
	return answer.TakeWatch(), nil
}

// readEvents tells events until the watch ends, which is an error, or the loop does.
func (s *Store) readEvents(ctx context.Context, watch *native.Watch, yield func(Event, error) bool) error {
	defer watch.Close()
	next := native.Request{Operation: native.WatchNext, Watch: watch, Most: eventsAtOnce}
	for {
		answer, err := s.submit(ctx, "watch", &next)
		if err != nil {
			return err
		}
		for _, item := range parseFlat(answer.TakeEvents()) {
			event := Event{Kind: EventKind(item.kind), Record: item.record, Initial: item.initial}
			if event.Kind == Lost {
				event.Lost = item.number
			}
			if !yield(event, nil) {
				return nil
			}
		}
	}
}
