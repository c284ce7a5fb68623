package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	natsjskv "github.com/go-micro/plugins/v4/store/nats-js-kv"
	microredis "github.com/go-micro/plugins/v4/store/redis"
	"github.com/go-redis/redis/v8"
	"github.com/nats-io/nats.go"
	"go-micro.dev/v4/store"
)

// openRequest is what the environment variables of an oCIS service say about a store.
type openRequest struct {
	Type               string
	Nodes              []string
	Database, Table    string
	TTL                string
	DisablePersistence bool
	Username, Password string
	// PlainKeys leaves keys as they are, as some releases of oCIS 5 did.
	PlainKeys bool
}

// open passes the plugins the options that oCIS passes them.
func open(asked *openRequest) (store.Store, error) {
	options := []store.Option{
		store.WithContext(context.Background()),
		store.Nodes(asked.Nodes...),
		store.Database(asked.Database),
		store.Table(asked.Table),
	}
	switch asked.Type {
	case "nats-js-kv":
		more, err := natsOptions(asked)
		return natsjskv.NewStore(append(options, more...)...), err
	case "redis":
		return microredis.NewStore(options...), nil
	case "redis-sentinel":
		return openSentinel(asked)
	}
	return nil, fmt.Errorf("unknown type %q", asked.Type)
}

func natsOptions(asked *openRequest) ([]store.Option, error) {
	connection := nats.GetDefaultOptions()
	connection.User, connection.Password = asked.Username, asked.Password
	connection.MaxReconnect = -1
	options := []store.Option{natsjskv.NatsOptions(connection)}
	if asked.TTL != "" {
		ttl, err := time.ParseDuration(asked.TTL)
		if err != nil {
			return nil, err
		}
		options = append(options, natsjskv.DefaultTTL(ttl))
	}
	if asked.DisablePersistence {
		options = append(options, natsjskv.DefaultMemory())
	}
	if !asked.PlainKeys {
		options = append(options, natsjskv.EncodeKeys())
	}
	return options, nil
}

// openSentinel takes nodes as <sentinel host>:<port>/<master>, and the master from the first of them.
func openSentinel(asked *openRequest) (store.Store, error) {
	var sentinels []string
	master := ""
	for _, node := range asked.Nodes {
		address, name, found := strings.Cut(node, "/")
		if !found {
			return nil, fmt.Errorf("the node %q names no master", node)
		}
		if master == "" {
			master = name
		}
		sentinels = append(sentinels, address)
	}
	return microredis.NewStore(
		store.Database(asked.Database),
		store.Table(asked.Table),
		store.Nodes(sentinels...),
		microredis.WithRedisOptions(redis.UniversalOptions{MasterName: master}),
	), nil
}
