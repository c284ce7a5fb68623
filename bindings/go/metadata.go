package larder

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// Metadata is what a record carries beside its value: names, which are UTF-8 text, and values of any bytes.
type Metadata map[string][]byte

// In its stored form a pair is: the name's length and the value's length, each as a little-endian uint32, the name, the
// value. The names are sorted, so that equal metadata is stored as equal bytes.

func appendMetadata(operation string, stored []byte, metadata Metadata) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		value := metadata[name]
		if !utf8.ValidString(name) {
			return nil, invalid(operation, "Metadata", fmt.Sprintf("the name %q is not UTF-8 text", name))
		}
		if len(name) > math.MaxUint32 || len(value) > math.MaxUint32 {
			return nil, tooLarge(operation, "Metadata", len(name)+len(value))
		}
		stored = binary.LittleEndian.AppendUint32(stored, uint32(len(name)))
		stored = binary.LittleEndian.AppendUint32(stored, uint32(len(value)))
		stored = append(stored, name...)
		stored = append(stored, value...)
	}
	return stored, nil
}

// parseMetadata reads the stored form; what does not follow it ends it.
func parseMetadata(stored []byte) Metadata {
	if len(stored) == 0 {
		return nil
	}
	metadata := make(Metadata)
	for len(stored) >= 8 {
		nameLength := uint64(binary.LittleEndian.Uint32(stored))
		valueLength := uint64(binary.LittleEndian.Uint32(stored[4:]))
		stored = stored[8:]
		end := nameLength + valueLength
		if end > uint64(len(stored)) {
			break
		}
		metadata[string(stored[:nameLength])] = stored[nameLength:end:end]
		stored = stored[end:]
	}
	return metadata
}

func tooLarge(operation, source string, length int) error {
	message := fmt.Sprintf("it is %d bytes long; the limit is %d", length, uint32(math.MaxUint32))
	return &Error{Status: StatusTooLarge, Operation: operation, Source: source, Message: message}
}
