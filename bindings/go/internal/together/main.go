// Together is one of three programs, each in a language of its own, that share the records of one store:
// together CONFIG STEP. The steps: write its records, check those of all three, count together with the others.
// `together config TYPE` prints the CONFIG of a store of the tests' servers. tests/together/run runs it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
)

const (
	me         = "go"
	increments = 200
)

type person struct {
	Name string `json:"name"`
	Born int    `json:"born"`
}

var ada = person{"Ada Lovelace", 1815}

func main() {
	log.SetFlags(0)
	log.SetPrefix("Go: ")
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, config, step string) error {
	if config == "config" {
		return printConfig(step)
	}
	cache, err := larder.Open(ctx, config)
	if err != nil {
		return err
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		return err
	}
	switch step {
	case "write":
		return write(ctx, store)
	case "check":
		return check(ctx, store)
	case "count":
		return count(ctx, store)
	}
	return fmt.Errorf("no such step: %s", step)
}

func printConfig(kind string) error {
	text, err := os.ReadFile(os.Getenv("LARDER_TEST_STORES"))
	if err != nil {
		return err
	}
	var kinds map[string]struct {
		Settings map[string]any `json:"settings"`
	}
	if err := json.Unmarshal(text, &kinds); err != nil {
		return err
	}
	settings := kinds[kind].Settings
	if settings == nil {
		return fmt.Errorf("there is no server type %q", kind)
	}
	settings["database"] = "together"
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"stores": map[string]any{"default": settings}})
}

func everyByte() []byte {
	value := make([]byte, 256)
	for number := range value {
		value[number] = byte(number)
	}
	return value
}

func people(store *larder.Store) *larder.TypedStore[string, person] {
	return larder.NewTypedStore(store, larder.String[string]{}, larder.JSON[person]{})
}

func write(ctx context.Context, store *larder.Store) error {
	options := &larder.PutOptions{Lifespan: time.Hour, Metadata: larder.Metadata{"written by": []byte(me)}}
	if _, err := store.Put(ctx, []byte("bytes/"+me), everyByte(), options); err != nil {
		return err
	}
	_, err := people(store).Put(ctx, "person/"+me, ada, options)
	return err
}

func check(ctx context.Context, store *larder.Store) error {
	for _, writer := range []string{"c", "go", "java"} {
		record, err := store.GetRecord(ctx, []byte("bytes/"+writer))
		if err != nil {
			return fmt.Errorf("%s: %w", writer, err)
		}
		if !bytes.Equal(record.Value, everyByte()) || string(record.Metadata["written by"]) != writer {
			return fmt.Errorf("%s wrote %q with %q", writer, record.Value, record.Metadata)
		}
		if record.ExpiresIn <= time.Hour/2 || record.ExpiresIn > time.Hour {
			return fmt.Errorf("what %s wrote expires in %v", writer, record.ExpiresIn)
		}
		if found, err := people(store).Get(ctx, "person/"+writer); err != nil || found != ada {
			return fmt.Errorf("%s wrote %v, %w", writer, found, err)
		}
	}
	return nil
}

func count(ctx context.Context, store *larder.Store) error {
	key := []byte("counter")
	if _, err := store.PutIfAbsent(ctx, key, []byte("0"), nil); err != nil && !errors.Is(err, larder.ErrConflict) {
		return err
	}
	for done := 0; done < increments; {
		err := increment(ctx, store, key)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, larder.ErrConflict):
			return err
		}
	}
	return nil
}

func increment(ctx context.Context, store *larder.Store, key []byte) error {
	record, err := store.GetRecord(ctx, key)
	if err != nil {
		return err
	}
	number, err := strconv.ParseInt(string(record.Value), 10, 64)
	if err != nil {
		return err
	}
	_, err = store.Replace(ctx, key, strconv.AppendInt(nil, number+1, 10), record.Revision, nil)
	return err
}
