package main

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	larder "github.com/larder-cache/larder/bindings/go"
)

// larderClient is Larder on a server, in one of its formats.
type larderClient struct {
	label  string
	opened *larder.Larder
	store  *larder.Store
	values *sync.Pool
}

// newLarder opens a store of the given settings with some of its own.
func newLarder(label string, settings, own map[string]any) (*larderClient, error) {
	merged := maps.Clone(settings)
	maps.Copy(merged, own)
	config, err := json.Marshal(map[string]any{"stores": map[string]any{larder.DefaultStore: merged}})
	if err != nil {
		return nil, err
	}
	opened, err := larder.Open(context.Background(), string(config))
	if err != nil {
		return nil, err
	}
	store, err := opened.Store(larder.DefaultStore, nil)
	values := &sync.Pool{New: func() any { return new(larder.Values) }}
	return &larderClient{label: label, opened: opened, store: store, values: values}, err
}

func (c *larderClient) name() string { return c.label }
func (c *larderClient) ours() bool   { return true }
func (c *larderClient) close()       { _ = c.opened.Close() }

func (c *larderClient) get(ctx context.Context, key string) ([]byte, error) {
	return c.store.Get(ctx, []byte(key))
}

func (c *larderClient) put(ctx context.Context, key string, value []byte) error {
	_, err := c.store.Put(ctx, []byte(key), value, nil)
	return err
}

func (c *larderClient) getMany(ctx context.Context, keys []string) (int, error) {
	wanted := make([][]byte, len(keys))
	for index, key := range keys {
		wanted[index] = []byte(key)
	}
	// Values and no more, as the peers give them.
	values := c.values.Get().(*larder.Values)
	defer c.values.Put(values)
	err := c.store.GetManyInto(ctx, wanted, values)
	count := 0
	for index := range values.Len() {
		if _, found := values.At(index); found {
			count++
		}
	}
	return count, err
}
