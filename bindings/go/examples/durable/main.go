// Durable writes a record that every replica must have. The store is that of the configuration in the first argument,
// memory without one.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
)

func main() {
	config := "memory://"
	if len(os.Args) > 1 {
		config = os.Args[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := run(ctx, config); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, config string) error {
	cache, err := larder.Open(ctx, config)
	if err != nil {
		return err
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		return err
	}
	key, value, options := []byte("order"), []byte("paid"), &larder.PutOptions{Durability: larder.DurabilityAll}
	revision, err := store.Put(ctx, key, value, options)
	if errors.Is(err, larder.ErrAmbiguous) {
		// The same value once more does no harm here. What must not be done twice is read first.
		revision, err = store.Put(ctx, key, value, options)
	}
	if errors.Is(err, larder.ErrUnsupported) {
		fmt.Println("the store has no replicas:", err)
		return nil
	}
	if err == nil {
		fmt.Println("every replica has revision", revision)
	}
	return err
}
