package main

import (
	"context"
	"fmt"
	"sync"

	natsjskv "github.com/go-micro/plugins/v4/store/nats-js-kv"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go-micro.dev/v4/store"
)

// natsBucket is the bucket that nats.go makes.
const natsBucket = "bench-nats-go"

// natsClients are Larder in its own format, and as bare values in the bucket that nats.go made; nats.go's KV, and its
// asynchronous publish.
func natsClients(settings map[string]any) ([]client, error) {
	ours, err := newLarder("larder", settings, map[string]any{"database": "bench-larder", "format": "larder"})
	if err != nil {
		return nil, err
	}
	peer, err := newNats(fmt.Sprint(settings["nodes"].([]any)[0]))
	if err != nil {
		return nil, err
	}
	bare, err := newLarder("larder, raw format", settings, map[string]any{"database": natsBucket, "format": "raw"})
	if err != nil {
		return nil, err
	}
	return []client{bare, ours, peer, &asyncNats{peer}}, nil
}

// goMicroClients are Larder in go-micro's format, and the plugin that oCIS has, which writes the same.
func goMicroClients(settings map[string]any) ([]client, error) {
	ours, err := newLarder("larder, go-micro format", settings,
		map[string]any{"database": "bench-go-micro", "format": "go-micro"})
	if err != nil {
		return nil, err
	}
	plugin := natsjskv.NewStore(store.Nodes(fmt.Sprint(settings["nodes"].([]any)[0])), store.Database("bench-plugin"),
		store.Table("bench"), natsjskv.EncodeKeys())
	return []client{ours, &goMicro{plugin}}, plugin.Init()
}

// goMicro is go-micro's plugin for NATS.
type goMicro struct{ store store.Store }

func (c *goMicro) name() string { return "go-micro's plugin" }
func (c *goMicro) ours() bool   { return false }
func (c *goMicro) close()       { _ = c.store.Close() }

func (c *goMicro) get(_ context.Context, key string) ([]byte, error) {
	found, err := c.store.Read(key)
	if err != nil {
		return nil, err
	}
	return found[0].Value, nil
}

func (c *goMicro) put(_ context.Context, key string, value []byte) error {
	return c.store.Write(&store.Record{Key: key, Value: value})
}

func (c *goMicro) getMany(ctx context.Context, keys []string) (int, error) {
	for _, key := range keys {
		if _, err := c.get(ctx, key); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// natsKV is nats.go's key-value store.
type natsKV struct {
	connection *nats.Conn
	jetStream  jetstream.JetStream
	bucket     jetstream.KeyValue
}

func newNats(node string) (*natsKV, error) {
	connection, err := nats.Connect(node)
	if err != nil {
		return nil, err
	}
	stream, err := jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(1000))
	if err != nil {
		return nil, err
	}
	bucket, err := stream.CreateOrUpdateKeyValue(context.Background(),
		jetstream.KeyValueConfig{Bucket: natsBucket, Storage: jetstream.FileStorage})
	return &natsKV{connection, stream, bucket}, err
}

func (c *natsKV) name() string { return "nats.go" }
func (c *natsKV) ours() bool   { return false }
func (c *natsKV) close()       { c.connection.Close() }

func (c *natsKV) get(ctx context.Context, key string) ([]byte, error) {
	entry, err := c.bucket.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return entry.Value(), nil
}

func (c *natsKV) put(ctx context.Context, key string, value []byte) error {
	_, err := c.bucket.Put(ctx, key, value)
	return err
}

// getMany asks in as many goroutines as there are keys: nats.go has no bulk get.
func (c *natsKV) getMany(ctx context.Context, keys []string) (int, error) {
	var asking sync.WaitGroup
	failures := make([]error, len(keys))
	for index, key := range keys {
		asking.Go(func() { _, failures[index] = c.bucket.Get(ctx, key) })
	}
	asking.Wait()
	for _, err := range failures {
		if err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// asyncNats writes by nats.go's asynchronous publish, the fastest way it has to have a write acknowledged.
type asyncNats struct{ *natsKV }

func (c *asyncNats) name() string { return "nats.go, PublishAsync" }
func (c *asyncNats) close()       {}

func (c *asyncNats) put(ctx context.Context, key string, value []byte) error {
	future, err := c.jetStream.PublishAsync("$KV."+natsBucket+"."+key, value)
	if err != nil {
		return err
	}
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
