package larder

import (
	"encoding/binary"
	"math"
)

// Many keys cross the boundary as their bytes one after the other and an array of their lengths; many records as items
// of 48 bytes of numbers, then key, value and metadata, padded to a multiple of eight bytes.

// flatHeader is the length of the numbers in front of an item.
const flatHeader = 48

// flatItem is one record or event of the flat form.
type flatItem struct {
	record  *Record
	kind    uint8
	initial bool
	number  uint64
}

// parseFlat reads the flat form into slab and index: items are views of flat, which is the caller's own copy.
func parseFlat(flat []byte) []flatItem {
	items := make([]flatItem, 0, countFlat(flat))
	records := make([]Record, cap(items))
	for len(flat) >= flatHeader {
		length := binary.LittleEndian.Uint32(flat)
		item := flatItem{
			kind:    flat[6],
			initial: flat[7]&1 != 0,
			number:  binary.LittleEndian.Uint64(flat[24:]),
		}
		if binary.LittleEndian.Uint16(flat[4:]) == 1 {
			item.record = &records[len(items)]
			parseItem(flat[:length], item.record)
		}
		items = append(items, item)
		flat = flat[length:]
	}
	return items
}

func parseItem(item []byte, record *Record) {
	keyEnd := flatHeader + int(binary.LittleEndian.Uint32(item[8:]))
	valueEnd := keyEnd + int(binary.LittleEndian.Uint32(item[12:]))
	metadataEnd := valueEnd + int(binary.LittleEndian.Uint32(item[16:]))
	*record = Record{
		Key:       item[flatHeader:keyEnd:keyEnd],
		Value:     item[keyEnd:valueEnd:valueEnd],
		Metadata:  parseMetadata(item[valueEnd:metadataEnd]),
		Revision:  binary.LittleEndian.Uint64(item[24:]),
		ExpiresIn: durationOf(int64(binary.LittleEndian.Uint64(item[32:]))),
		MaxIdle:   durationOf(int64(binary.LittleEndian.Uint64(item[40:]))),
	}
}

func countFlat(flat []byte) (count int) {
	for len(flat) >= flatHeader {
		flat = flat[binary.LittleEndian.Uint32(flat):]
		count++
	}
	return count
}

// flattened is many byte strings in one.
type flattened struct {
	bytes   []byte
	lengths []uint32
}

func (f *flattened) reset() {
	f.bytes, f.lengths = f.bytes[:0], f.lengths[:0]
}

// add appends one byte string; it says whether that is short enough.
func (f *flattened) add(part []byte) bool {
	if uint64(len(part)) > math.MaxUint32 {
		return false
	}
	f.bytes = append(f.bytes, part...)
	f.lengths = append(f.lengths, uint32(len(part)))
	return true
}

// flatten makes all byte strings one.
func (f *flattened) flatten(operation, name string, parts [][]byte) error {
	f.reset()
	for _, part := range parts {
		if !f.add(part) {
			return tooLarge(operation, name, len(part))
		}
	}
	return nil
}
