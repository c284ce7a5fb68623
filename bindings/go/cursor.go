package larder

import (
	"context"
	"sync/atomic"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Cursor reads the records of a store page by page, sorted by key. One goroutine at a time may use it. [Store.Records]
// is the same as a loop.
type Cursor struct {
	store  *Store
	handle atomic.Pointer[native.Cursor]
}

// OpenCursor opens a cursor over the records that pass a filter; PageSize is not used. A record that goes away
// meanwhile is left out; one that comes may be.
func (s *Store) OpenCursor(ctx context.Context, options *ListOptions) (*Cursor, error) {
	const operation = "open cursor"
	request, err := listRequest(operation, native.OpenCursor, options)
	if err != nil {
		return nil, err
	}
	answer, err := s.run(ctx, operation, request)
	if err != nil {
		return nil, err
	}
	cursor := &Cursor{store: s}
	cursor.handle.Store(answer.TakeCursor())
	return cursor, nil
}

// Next reads the next records, at least one and at most so many.
//
// It fails with [ErrNotFound] at the end, with [ErrInvalidArgument] when asked for less than one, and with [ErrClosed].
func (c *Cursor) Next(ctx context.Context, most int) ([]*Record, error) {
	page, err := c.nextPage(ctx, most)
	if err != nil {
		return nil, err
	}
	items := parseFlat(page)
	records := make([]*Record, len(items))
	for index, item := range items {
		records[index] = item.record
	}
	return records, nil
}

func (c *Cursor) nextPage(ctx context.Context, most int) ([]byte, error) {
	const operation = "cursor next"
	handle := c.handle.Load()
	if handle == nil {
		return nil, closed(operation, "cursor")
	}
	if most < 1 {
		return nil, invalid(operation, "most", "ask for at least one record")
	}
	answer, err := c.store.run(ctx, operation, &native.Request{Operation: native.CursorNext, Cursor: handle, Most: most})
	if err != nil {
		return nil, err
	}
	return answer.TakeRecords(), nil
}

// Close ends the cursor. It may be called more than once; a Next that waits goes on.
func (c *Cursor) Close() error {
	c.handle.Store(nil)
	return nil
}
