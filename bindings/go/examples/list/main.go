// List goes through the keys of a prefix, page by page.
package main

import (
	"context"
	"fmt"
	"log"

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
	for _, key := range []string{"fruit/apple", "fruit/pear", "tree/oak", "fruit/plum"} {
		if _, err := store.Put(ctx, []byte(key), nil, nil); err != nil {
			return err
		}
	}
	for key, err := range store.Keys(ctx, &larder.ListOptions{Prefix: []byte("fruit/")}) {
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", key)
	}
	return nil
}
