package larder

import (
	"bytes"
	"encoding/json"
)

// Codec turns values of a type into bytes and back. Any number of goroutines may use it at once. MessagePack is in the
// package msgpack below this one.
type Codec[T any] interface {
	// Append appends the encoded value to a buffer and returns it.
	Append(buffer []byte, value T) ([]byte, error)
	// Decode reads a value. The data is the codec's for the call only: it copies what the value keeps.
	Decode(data []byte) (T, error)
}

// Raw is the codec of bytes as they are.
type Raw struct{}

// Append appends the bytes.
func (Raw) Append(buffer []byte, value []byte) ([]byte, error) {
	return append(buffer, value...), nil
}

// Decode copies the bytes; the copy is not nil.
func (Raw) Decode(data []byte) ([]byte, error) {
	return append(make([]byte, 0, len(data)), data...), nil
}

// String is the codec of text; the bytes are those of the string, UTF-8 or not.
type String[T ~string] struct{}

// Append appends the bytes of the string.
func (String[T]) Append(buffer []byte, value T) ([]byte, error) {
	return append(buffer, value...), nil
}

// Decode makes a string of the bytes.
func (String[T]) Decode(data []byte) (T, error) {
	return T(data), nil
}

// JSON is the codec of values as JSON, by encoding/json.
type JSON[T any] struct{}

// Append appends the value's JSON text, without a line end.
func (JSON[T]) Append(buffer []byte, value T) ([]byte, error) {
	target := bytes.NewBuffer(buffer)
	if err := json.NewEncoder(target).Encode(value); err != nil {
		return buffer, err
	}
	return bytes.TrimSuffix(target.Bytes(), []byte("\n")), nil
}

// Decode reads JSON text.
func (JSON[T]) Decode(data []byte) (value T, err error) {
	err = json.Unmarshal(data, &value)
	return value, err
}
