package main

import (
	"bytes"
	"context"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
	"github.com/maypok86/otter/v2"
	"go-micro.dev/v4/store"
)

// lifespan is that of every entry.
const lifespan = time.Hour

// cache is what is measured. Each worker has a reader of its own, because a buffer is not shared.
type cache interface {
	name() string
	reader() reader
	close()
}

// reader is one worker's view of a cache.
type reader interface {
	// get reads a value into a buffer, which is as large as the values.
	get(key *key, buffer []byte) bool
	// getCopy reads a value as a slice of its own.
	getCopy(key *key) []byte
	put(key *key, value []byte)
	// getMany reads many values; it returns how many there were.
	getMany(keys []*key) int
}

// key is a key in the forms that the caches take.
type key struct {
	bytes []byte
	text  string
}

type larderCache struct {
	opened *larder.Larder
	store  *larder.Store
}

func newLarder(config string) (*larderCache, error) {
	opened, err := larder.Open(context.Background(), config)
	if err != nil {
		return nil, err
	}
	store, err := opened.Store(larder.DefaultStore, nil)
	return &larderCache{opened, store}, err
}

func (c *larderCache) name() string   { return "larder" }
func (c *larderCache) close()         { _ = c.opened.Close() }
func (c *larderCache) reader() reader { return &larderReader{store: c.store} }

type larderReader struct {
	store  *larder.Store
	keys   [][]byte
	values larder.Values
}

var (
	background = context.Background()
	putOptions = &larder.PutOptions{Lifespan: lifespan}
)

func (r *larderReader) get(key *key, buffer []byte) bool {
	_, _, err := r.store.GetInto(background, key.bytes, buffer)
	return err == nil
}

func (r *larderReader) getCopy(key *key) []byte {
	value, _ := r.store.Get(background, key.bytes)
	return value
}

func (r *larderReader) put(key *key, value []byte) {
	if _, err := r.store.Put(background, key.bytes, value, putOptions); err != nil {
		panic(err)
	}
}

func (r *larderReader) getMany(keys []*key) int {
	r.keys = r.keys[:0]
	for _, key := range keys {
		r.keys = append(r.keys, key.bytes)
	}
	if err := r.store.GetManyInto(background, r.keys, &r.values); err != nil {
		panic(err)
	}
	found := 0
	for index := range r.values.Len() {
		if _, has := r.values.At(index); has {
			found++
		}
	}
	return found
}

type otterCache struct {
	cache *otter.Cache[string, []byte]
}

func newOtter(capacity int) *otterCache {
	return &otterCache{otter.Must(&otter.Options[string, []byte]{
		MaximumSize:      capacity,
		InitialCapacity:  capacity,
		ExpiryCalculator: otter.ExpiryWriting[string, []byte](lifespan),
	})}
}

func (c *otterCache) name() string   { return "otter" }
func (c *otterCache) close()         { c.cache.InvalidateAll() }
func (c *otterCache) reader() reader { return otterReader{c.cache} }

type otterReader struct {
	cache *otter.Cache[string, []byte]
}

func (r otterReader) get(key *key, buffer []byte) bool {
	value, found := r.cache.GetIfPresent(key.text)
	copy(buffer, value)
	return found
}

func (r otterReader) getCopy(key *key) []byte {
	value, _ := r.cache.GetIfPresent(key.text)
	return bytes.Clone(value)
}

func (r otterReader) put(key *key, value []byte) {
	r.cache.Set(key.text, bytes.Clone(value))
}

func (r otterReader) getMany(keys []*key) int {
	return oneByOne(r, keys)
}

type microCache struct {
	store store.Store
}

func newMicro() *microCache {
	return &microCache{store.NewMemoryStore()}
}

func (c *microCache) name() string   { return "go-micro" }
func (c *microCache) close()         { _ = c.store.Close() }
func (c *microCache) reader() reader { return microReader{c.store} }

type microReader struct {
	store store.Store
}

func (r microReader) get(key *key, buffer []byte) bool {
	records, err := r.store.Read(key.text)
	if err != nil {
		return false
	}
	copy(buffer, records[0].Value)
	return true
}

func (r microReader) getCopy(key *key) []byte {
	records, err := r.store.Read(key.text)
	if err != nil {
		return nil
	}
	return records[0].Value
}

func (r microReader) put(key *key, value []byte) {
	if err := r.store.Write(&store.Record{Key: key.text, Value: value, Expiry: lifespan}); err != nil {
		panic(err)
	}
}

func (r microReader) getMany(keys []*key) int {
	return oneByOne(r, keys)
}

// oneByOne is how a cache without a call for many reads them: each value is copied into one buffer.
func oneByOne(reader reader, keys []*key) int {
	var buffer [valueLength]byte
	found := 0
	for _, key := range keys {
		if reader.get(key, buffer[:]) {
			found++
		}
	}
	return found
}
