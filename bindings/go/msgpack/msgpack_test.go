package msgpack_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
	"github.com/larder-cache/larder/bindings/go/msgpack"
)

type session struct {
	User    string            `msgpack:"user"`
	Since   time.Time         `msgpack:"since"`
	Details map[string][]byte `msgpack:"details"`
}

func TestAStructComesBackThroughMessagePack(t *testing.T) {
	ctx := context.Background()
	cache, err := larder.Open(ctx, "memory://")
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		t.Fatal(err)
	}
	sessions := larder.NewTypedStore(store, larder.String[string]{}, msgpack.Codec[session]{})
	written := session{"ann", time.Unix(1_700_000_000, 0), map[string][]byte{"a": {0xff}, "b": {}}}
	if _, err := sessions.Put(ctx, "key", written, nil); err != nil {
		t.Fatal(err)
	}
	read, err := sessions.Get(ctx, "key")
	if err != nil || !read.Since.Equal(written.Since) || !reflect.DeepEqual(read.Details, written.Details) || read.User != "ann" {
		t.Errorf("it is %v (%v)", read, err)
	}
	// A map of three pairs; the first name is the tag: what another language reads.
	raw, err := store.Get(ctx, []byte("key"))
	if err != nil || raw[0] != 0x83 || string(raw[1:6]) != "\xa4user" {
		t.Errorf("it is %q (%v)", raw, err)
	}
	if _, err := store.Put(ctx, []byte("key"), []byte{0xc1}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Get(ctx, "key"); !errors.Is(err, larder.ErrCorrupt) {
		t.Errorf("expected ErrCorrupt, it is %v", err)
	}
}
