package larder

import (
	"context"
	"encoding/binary"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Statistics are counts since the store's backend was opened, for all its databases and tables, and its present size.
type Statistics struct {
	// Hits are reads that found a record.
	Hits uint64
	// Misses are reads that found none.
	Misses uint64
	// Puts are records written.
	Puts uint64
	// Removals are records removed by callers.
	Removals uint64
	// Evictions are records given up to make room.
	Evictions uint64
	// Expirations are records whose lifespan or max-idle ended.
	Expirations uint64
	// Entries are records held now, those that have expired but were not swept yet included.
	Entries uint64
	// Bytes are the bytes held now: headers, keys, values and metadata.
	Bytes uint64
}

// Statistics tells what was counted.
func (s *Store) Statistics(ctx context.Context) (Statistics, error) {
	const operation = "statistics"
	if ctx.Err() != nil {
		return Statistics{}, ended(operation, ctx)
	}
	if s.immediate {
		counts, failure := s.handle.Statistics()
		return statisticsOf(counts), failed(operation, failure)
	}
	answer, err := s.submit(ctx, operation, &native.Request{Operation: native.Statistics})
	if err != nil {
		return Statistics{}, err
	}
	var counts [8]uint64
	told := answer.TakeBytes()
	for index := range counts {
		// The struct's size comes first; a library of an earlier version may tell less.
		if at := 8 * (index + 1); len(told) >= at+8 {
			counts[index] = binary.NativeEndian.Uint64(told[at:])
		}
	}
	return statisticsOf(counts), nil
}

func statisticsOf(counts [8]uint64) Statistics {
	return Statistics{
		Hits: counts[0], Misses: counts[1], Puts: counts[2], Removals: counts[3],
		Evictions: counts[4], Expirations: counts[5], Entries: counts[6], Bytes: counts[7],
	}
}
