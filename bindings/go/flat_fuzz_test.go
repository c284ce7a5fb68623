package larder

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// appendFlat writes one item as the library does.
func appendFlat(flat, key, value, metadata []byte, kind uint16, revision uint64, expiresMs, idleMs int64) []byte {
	length := flatHeader + len(key) + len(value) + len(metadata)
	padding := -length & 7
	flat = binary.LittleEndian.AppendUint32(flat, uint32(length+padding))
	flat = binary.LittleEndian.AppendUint16(flat, 1)
	flat = binary.LittleEndian.AppendUint16(flat, kind)
	for _, part := range [][]byte{key, value, metadata, nil} {
		flat = binary.LittleEndian.AppendUint32(flat, uint32(len(part)))
	}
	flat = binary.LittleEndian.AppendUint64(flat, revision)
	flat = binary.LittleEndian.AppendUint64(flat, uint64(expiresMs))
	flat = binary.LittleEndian.AppendUint64(flat, uint64(idleMs))
	for _, part := range [][]byte{key, value, metadata, make([]byte, padding)} {
		flat = append(flat, part...)
	}
	return flat
}

// appendMiss writes an item without a record.
func appendMiss(flat []byte, kind uint16, number uint64) []byte {
	start := len(flat)
	flat = append(flat, make([]byte, flatHeader)...)
	binary.LittleEndian.PutUint32(flat[start:], flatHeader)
	binary.LittleEndian.PutUint16(flat[start+6:], kind)
	binary.LittleEndian.PutUint64(flat[start+24:], number)
	return flat
}

// FuzzFlatItems writes items with whatever bytes and numbers, and expects to read them.
func FuzzFlatItems(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), []byte{1, 0, 0, 0, 1, 0, 0, 0, 'a', 'b'}, uint16(1<<8|2), uint64(7), int64(5000), int64(-1))
	f.Add([]byte{}, []byte{}, []byte{}, uint16(0), ^uint64(0), int64(-1), int64(1)<<62)
	f.Fuzz(func(t *testing.T, key, value, metadata []byte, kind uint16, revision uint64, expiresMs, idleMs int64) {
		flat := appendFlat(nil, key, value, metadata, kind, revision, expiresMs, idleMs)
		flat = appendMiss(flat, kind, revision)
		flat = appendFlat(flat, value, key, nil, 0, 1, -1, -1)
		items := parseFlat(flat)
		if len(items) != 3 || items[1].record != nil || items[1].number != revision {
			t.Fatalf("it is %+v", items)
		}
		first, last := items[0], items[2].record
		if first.kind != uint8(kind) || first.initial != (kind>>8&1 == 1) || first.record.Revision != revision {
			t.Errorf("it is %+v", first)
		}
		if !bytes.Equal(first.record.Key, key) || !bytes.Equal(first.record.Value, value) {
			t.Errorf("it is %+v", first.record)
		}
		if !bytes.Equal(last.Key, value) || !bytes.Equal(last.Value, key) || last.ExpiresIn != Unlimited {
			t.Errorf("it is %+v", last)
		}
		for _, lifespan := range []time.Duration{first.record.ExpiresIn, first.record.MaxIdle} {
			if lifespan < 0 && lifespan != Unlimited {
				t.Errorf("it is %v", lifespan)
			}
		}
	})
}

// FuzzMetadata reads any bytes as stored metadata.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 2, 0, 0, 0, 'a', 'b', 'c'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a'})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stored []byte) {
		length := 0
		for name, value := range parseMetadata(stored) {
			length += 8 + len(name) + len(value)
			if !bytes.Contains(stored, value) || !bytes.Contains(stored, []byte(name)) {
				t.Errorf("%q: %q is not in %q", name, value, stored)
			}
		}
		if length > len(stored) {
			t.Errorf("it has %d bytes of %d", length, len(stored))
		}
	})
}
