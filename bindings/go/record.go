package larder

import (
	"time"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Record is a record as it was when it was read: a copy that is the caller's. Records that were read together share
// memory; clone the bytes of one that is kept much longer than the others.
type Record struct {
	// Key is the key.
	Key []byte
	// Value is the value; empty in a list of keys.
	Value []byte
	// Metadata is what was stored beside the value; nil for none, and in a list of keys.
	Metadata Metadata
	// Revision grows with every write of the key.
	Revision uint64
	// ExpiresIn is how long after the read the record expires if nobody reads it; [Unlimited] for never.
	ExpiresIn time.Duration
	// MaxIdle is how long the record lives without being read; [Unlimited] for ever.
	MaxIdle time.Duration
}

func recordOf(native native.Record) *Record {
	valueEnd := native.KeyLength + native.ValueLength
	return &Record{
		Key:       native.Bytes[:native.KeyLength:native.KeyLength],
		Value:     native.Bytes[native.KeyLength:valueEnd:valueEnd],
		Metadata:  parseMetadata(native.Bytes[valueEnd:]),
		Revision:  native.Revision,
		ExpiresIn: durationOf(native.ExpiresInMs),
		MaxIdle:   durationOf(native.MaxIdleMs),
	}
}
