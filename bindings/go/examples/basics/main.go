// Basics writes a record with a lifespan, reads it, and removes it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	cache, err := larder.Open(ctx, "memory://?max_entries=10000")
	if err != nil {
		return err
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		return err
	}
	if _, err := store.Put(ctx, []byte("greeting"), []byte("hello"), &larder.PutOptions{Lifespan: time.Minute}); err != nil {
		return err
	}
	value, err := store.Get(ctx, []byte("greeting"))
	if err != nil {
		return err
	}
	fmt.Printf("greeting: %s\n", value)
	if _, err := store.Remove(ctx, []byte("greeting")); err != nil {
		return err
	}
	if _, err := store.Get(ctx, []byte("greeting")); errors.Is(err, larder.ErrNotFound) {
		fmt.Println("greeting: there is none any more")
	}
	return nil
}
