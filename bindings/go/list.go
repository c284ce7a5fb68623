package larder

import (
	"context"
	"iter"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Projection says what a list gives of each record.
type Projection uint32

const (
	// WholeRecords gives all of each record.
	WholeRecords Projection = iota
	// KeysOnly gives keys, revisions and times; values and metadata are empty.
	KeysOnly
)

// ListOptions say which records a list gives, sorted by key, bytewise; Offset and Limit count what Prefix and Suffix
// left. The zero value, and nil, give every record.
type ListOptions struct {
	// Prefix is what the keys begin with; empty for all.
	Prefix []byte
	// Suffix is what the keys end with; empty for all.
	Suffix []byte
	// Offset is how many records to leave out at the front. Default: 0.
	Offset int
	// Limit is how many records to give at most. Default: 0, for all.
	Limit int
	// Projection is [WholeRecords] or [KeysOnly]. Default: [WholeRecords].
	Projection Projection
	// PageSize is how many records Records and Keys read at a time. Default: 0, for 256.
	PageSize int
}

// defaultPage is how many records are read at a time.
const defaultPage = 256

// List reads the records that pass a filter in one request and gives them one after the other. For a large store use
// [Store.Records]. The request is made when the loop begins; an error comes once, with a nil record, and is the last.
func (s *Store) List(ctx context.Context, options *ListOptions) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		request, err := listRequest("list", native.List, options)
		if err != nil {
			yield(nil, err)
			return
		}
		answer, err := s.run(ctx, "list", request)
		if err != nil {
			yield(nil, err)
			return
		}
		yieldRecords(answer.TakeRecords(), yield)
	}
}

// Records reads the records that pass a filter page by page, so that a store of any size takes little memory. A record
// that goes away meanwhile is left out; one that comes may be. The reading begins when the loop does; an error comes
// once, with a nil record, and is the last.
func (s *Store) Records(ctx context.Context, options *ListOptions) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		if err := s.readPages(ctx, options, yield); err != nil {
			yield(nil, err)
		}
	}
}

// Keys reads the keys that pass a filter, as [Store.Records] does.
func (s *Store) Keys(ctx context.Context, options *ListOptions) iter.Seq2[[]byte, error] {
	var chosen ListOptions
	if options != nil {
		chosen = *options
	}
	chosen.Projection = KeysOnly
	return func(yield func([]byte, error) bool) {
		for record, err := range s.Records(ctx, &chosen) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(record.Key, nil) {
				return
			}
		}
	}
}

// readPages gives records until there are no more, or the loop ends.
func (s *Store) readPages(ctx context.Context, options *ListOptions, yield func(*Record, error) bool) error {
	cursor, err := s.OpenCursor(ctx, options)
	if err != nil {
		return err
	}
	defer cursor.Close()
	most := defaultPage
	if options != nil && options.PageSize > 0 {
		most = options.PageSize
	}
	for {
		page, err := cursor.nextPage(ctx, most)
		if err == ErrNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if !yieldRecords(page, yield) {
			return nil
		}
	}
}

func yieldRecords(flat []byte, yield func(*Record, error) bool) (goOn bool) {
	for _, item := range parseFlat(flat) {
		if !yield(item.record, nil) {
			return false
		}
	}
	return true
}

func listRequest(name string, operation uint32, options *ListOptions) (*native.Request, error) {
	var chosen ListOptions
	if options != nil {
		chosen = *options
	}
	if chosen.Offset < 0 || chosen.Limit < 0 || chosen.PageSize < 0 {
		return nil, invalid(name, "ListOptions", "Offset, Limit and PageSize are 0 or more")
	}
	request := &native.Request{
		Operation:  operation,
		Key:        chosen.Prefix,
		Value:      chosen.Suffix,
		Offset:     uint64(chosen.Offset),
		Limit:      uint64(chosen.Limit),
		Projection: native.ListRecords,
	}
	switch chosen.Projection {
	case WholeRecords:
	case KeysOnly:
		request.Projection = native.ListKeys
	default:
		return nil, invalid(name, "ListOptions.Projection", "it is neither WholeRecords nor KeysOnly")
	}
	return request, nil
}
