// Package msgpack is the codec of values as MessagePack, for a typed store. It is a package of its own so that whoever
// does not use it does not depend on its encoder, github.com/vmihailenco/msgpack/v5.
package msgpack

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"
)

// Codec is the codec of values as MessagePack. Structs are maps of their fields' names, as the tag msgpack says.
type Codec[T any] struct{}

// Append appends the encoded value to a buffer and returns it.
func (Codec[T]) Append(buffer []byte, value T) ([]byte, error) {
	target := bytes.NewBuffer(buffer)
	encoder := msgpack.GetEncoder()
	defer msgpack.PutEncoder(encoder)
	encoder.Reset(target)
	if err := encoder.Encode(value); err != nil {
		return buffer, err
	}
	return target.Bytes(), nil
}

// Decode reads a value. It keeps nothing of the data.
func (Codec[T]) Decode(data []byte) (value T, err error) {
	err = msgpack.Unmarshal(data, &value)
	return value, err
}
