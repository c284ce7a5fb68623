package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// redisClients are Larder in bare format, which writes what the peers write, and in its own, go-redis and rueidis.
func redisClients(settings map[string]any) ([]client, error) {
	bare, err := newLarder("larder, raw format", settings, map[string]any{"table": "bench-raw-", "format": "raw"})
	if err != nil {
		return nil, err
	}
	ours, err := newLarder("larder", settings, map[string]any{"database": "bench", "format": "larder"})
	if err != nil {
		return nil, err
	}
	second, err := newRueidis(settings)
	if err != nil {
		return nil, err
	}
	first := goredis.NewClient(&goredis.Options{Addr: address(settings)})
	return []client{bare, ours, &goRedis{first}, &rueidisClient{second}}, nil
}

// revisionClients are Larder in its own format, whose put is written only above the revision that is there, and rueidis
// with a script that does the same.
func revisionClients(settings map[string]any) ([]client, error) {
	ours, err := newLarder("larder", settings, map[string]any{"database": "bench-revisions", "format": "larder"})
	if err != nil {
		return nil, err
	}
	peer, err := newRueidis(settings)
	if err != nil {
		return nil, err
	}
	return []client{ours, &rueidisRevisions{rueidisClient{peer}, rueidis.NewLuaScript(putAbove)}}, nil
}

// address is where the server listens, as host:port.
func address(settings map[string]any) string {
	return strings.TrimPrefix(fmt.Sprint(settings["nodes"].([]any)[0]), "redis://")
}

func newRueidis(settings map[string]any) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address(settings)}, DisableCache: true})
}

// putAbove writes a value behind eight bytes of its revision, which is above that of the value that it replaces.
const putAbove = `local v,r=ARGV[1],tonumber(ARGV[2])
local o=redis.call('GETRANGE',KEYS[1],0,7)
if #o==8 then local p=struct.unpack('<I8',o) if p>=r then r=p+1 end end
redis.call('SET',KEYS[1],struct.pack('<I8',r)..v)
return r`

// rueidisRevisions is rueidis with a script.
type rueidisRevisions struct {
	rueidisClient
	script *rueidis.Lua
}

func (c *rueidisRevisions) name() string { return "rueidis, by a script" }

func (c *rueidisRevisions) put(ctx context.Context, key string, value []byte) error {
	revision := strconv.FormatInt(time.Now().UnixMicro(), 10)
	keys, arguments := []string{"revisions-" + key}, []string{rueidis.BinaryString(value), revision}
	return c.script.Exec(ctx, c.client, keys, arguments).Error()
}

func (c *rueidisRevisions) get(ctx context.Context, key string) ([]byte, error) {
	found, err := c.client.Do(ctx, c.client.B().Get().Key("revisions-"+key).Build()).AsBytes()
	if err != nil {
		return nil, err
	}
	return found[8:], nil
}

func (c *rueidisRevisions) getMany(ctx context.Context, keys []string) (int, error) {
	values, err := c.client.Do(ctx, c.client.B().Mget().Key(prefixed("revisions-", keys)...).Build()).ToArray()
	return len(values), err
}

// goRedis is go-redis with its pool of connections.
type goRedis struct{ client *goredis.Client }

func (c *goRedis) name() string { return "go-redis" }
func (c *goRedis) ours() bool   { return false }
func (c *goRedis) close()       { _ = c.client.Close() }

func (c *goRedis) get(ctx context.Context, key string) ([]byte, error) {
	return c.client.Get(ctx, "go-redis-"+key).Bytes()
}

func (c *goRedis) put(ctx context.Context, key string, value []byte) error {
	return c.client.Set(ctx, "go-redis-"+key, value, 0).Err()
}

func (c *goRedis) getMany(ctx context.Context, keys []string) (int, error) {
	values, err := c.client.MGet(ctx, prefixed("go-redis-", keys)...).Result()
	count := 0
	for _, value := range values {
		if value != nil {
			count++
		}
	}
	return count, err
}

// rueidisClient is rueidis, which pipelines by itself.
type rueidisClient struct{ client rueidis.Client }

func (c *rueidisClient) name() string { return "rueidis" }
func (c *rueidisClient) ours() bool   { return false }
func (c *rueidisClient) close()       { c.client.Close() }

func (c *rueidisClient) get(ctx context.Context, key string) ([]byte, error) {
	return c.client.Do(ctx, c.client.B().Get().Key("rueidis-"+key).Build()).AsBytes()
}

func (c *rueidisClient) put(ctx context.Context, key string, value []byte) error {
	command := c.client.B().Set().Key("rueidis-" + key).Value(rueidis.BinaryString(value)).Build()
	return c.client.Do(ctx, command).Error()
}

func (c *rueidisClient) getMany(ctx context.Context, keys []string) (int, error) {
	values, err := c.client.Do(ctx, c.client.B().Mget().Key(prefixed("rueidis-", keys)...).Build()).ToArray()
	count := 0
	for _, value := range values {
		if !value.IsNil() {
			count++
		}
	}
	return count, err
}

func prefixed(prefix string, keys []string) []string {
	made := make([]string, len(keys))
	for index, key := range keys {
		made[index] = prefix + key
	}
	return made
}
