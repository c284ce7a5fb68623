package main

import (
	"context"
	"encoding/json"
	"maps"

	larder "github.com/larder-cache/larder/bindings/go"
)

// larderClient is Larder on a server, in one of its formats.
type larderClient struct {
	label  string
	opened *larder.Larder
	store  *larder.Store
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
	return &larderClient{label, opened, store}, err
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
	found, err := c.store.GetMany(ctx, wanted)
	count := 0
	for _, record := range found {
		if record != nil {
			count++
		}
	}
	return count, err
}
