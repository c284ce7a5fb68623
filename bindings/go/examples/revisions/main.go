// Revisions counts from many goroutines at once: each write is refused if another one came first.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"sync"

	larder "github.com/larder-cache/larder/bindings/go"
)

func main() {
	ctx := context.Background()
	cache, err := larder.Open(ctx, "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := run(ctx, store); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, store *larder.Store) error {
	key := []byte("counter")
	if _, err := store.PutIfAbsent(ctx, key, []byte("0"), nil); err != nil {
		return err
	}
	var counting sync.WaitGroup
	for range 4 {
		counting.Go(func() {
			for range 100 {
				if err := increment(ctx, store, key); err != nil {
					log.Print(err)
				}
			}
		})
	}
	counting.Wait()
	value, err := store.Get(ctx, key)
	fmt.Printf("the counter is %s\n", value)
	return err
}

func increment(ctx context.Context, store *larder.Store, key []byte) error {
	for {
		record, err := store.GetRecord(ctx, key)
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(string(record.Value))
		if err != nil {
			return err
		}
		_, err = store.Replace(ctx, key, strconv.AppendInt(nil, int64(count+1), 10), record.Revision, nil)
		if !errors.Is(err, larder.ErrConflict) {
			return err
		}
	}
}
