package main

import (
	"fmt"
	"time"

	natsjskv "github.com/go-micro/plugins/v4/store/nats-js-kv"
	"go-micro.dev/v4/store"
)

// do makes the one call that was asked for.
func do(target store.Store, asked *request) (reply, error) {
	switch asked.Do {
	case "write":
		return reply{}, write(target, asked)
	case "read":
		key, options := readOptions(asked)
		records, err := target.Read(key, options...)
		return reply{Records: show(records)}, err
	case "list":
		keys, err := target.List(listOptions(asked)...)
		shown := make([][]byte, len(keys))
		for place, key := range keys {
			shown[place] = []byte(key)
		}
		return reply{Keys: shown}, err
	case "delete":
		var options []store.DeleteOption
		if asked.Scoped {
			options = append(options, store.DeleteFrom(asked.Database, asked.Table))
		}
		return reply{}, target.Delete(string(asked.Key), options...)
	case "delete_bucket":
		return reply{}, target.Delete(string(asked.Key), natsjskv.DeleteBucket())
	case "close":
		return reply{}, target.Close()
	}
	return reply{}, fmt.Errorf("unknown call %q", asked.Do)
}

func write(target store.Store, asked *request) error {
	written := &store.Record{Key: string(asked.Key), Value: asked.Value, Metadata: asked.Metadata}
	var options []store.WriteOption
	if asked.Expiry != "" {
		expiry, err := time.ParseDuration(asked.Expiry)
		if err != nil {
			return err
		}
		written.Expiry = expiry
		options = append(options, store.WriteTTL(expiry))
	}
	if asked.Scoped {
		options = append(options, store.WriteTo(asked.Database, asked.Table))
	}
	return target.Write(written, options...)
}

// readOptions also gives the key, which is the prefix or suffix where there is one.
func readOptions(asked *request) (key string, options []store.ReadOption) {
	key = string(asked.Key)
	if asked.Scoped {
		options = append(options, store.ReadFrom(asked.Database, asked.Table))
	}
	if len(asked.Prefix) > 0 {
		key = string(asked.Prefix)
		options = append(options, store.ReadPrefix())
	}
	if len(asked.Suffix) > 0 {
		key = string(asked.Suffix)
		options = append(options, store.ReadSuffix())
	}
	if asked.Limit > 0 {
		options = append(options, store.ReadLimit(asked.Limit))
	}
	if asked.Offset > 0 {
		options = append(options, store.ReadOffset(asked.Offset))
	}
	return key, options
}

func listOptions(asked *request) []store.ListOption {
	options := []store.ListOption{store.ListPrefix(string(asked.Prefix)), store.ListSuffix(string(asked.Suffix))}
	if asked.Scoped {
		options = append(options, store.ListFrom(asked.Database, asked.Table))
	}
	if asked.Limit > 0 {
		options = append(options, store.ListLimit(asked.Limit))
	}
	if asked.Offset > 0 {
		options = append(options, store.ListOffset(asked.Offset))
	}
	return options
}

func show(records []*store.Record) []record {
	shown := make([]record, len(records))
	for place, read := range records {
		shown[place] = record{[]byte(read.Key), read.Value, read.Metadata, int64(read.Expiry)}
	}
	return shown
}
