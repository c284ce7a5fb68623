package msgpack_test

import (
	"reflect"
	"testing"

	"github.com/larder-cache/larder/bindings/go/msgpack"
)

// FuzzDecode reads any bytes; what is read is written again, and read the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "\xc1", "\x80", "\x81\xa4user\xa3ann", "\x82\xa4user\xc0\xa7details\x82\xa1a\xc4\x01\xff\xa1b\xc4\x00",
		"\xdf\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff\x01", "\x81\xa7details\xdf\xff\xff\xff\xff\xa1a\xc6\xff\xff\xff\xff",
		"\x81\xa5since\xd6\xff\x65\x53\xf1\x00", "\x81\xa5since\xc7\x0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		codec := msgpack.Codec[session]{}
		read, err := codec.Decode(data)
		if err != nil {
			return
		}
		written, err := codec.Append(nil, read)
		if err != nil {
			t.Skip(err)
		}
		again, err := codec.Decode(written)
		if err != nil || again.User != read.User || !again.Since.Equal(read.Since) {
			t.Errorf("%v is %v after being written (%v)", read, again, err)
		}
		if len(read.Details)+len(again.Details) != 0 && !reflect.DeepEqual(again.Details, read.Details) {
			t.Errorf("%v is %v after being written", read.Details, again.Details)
		}
	})
}
