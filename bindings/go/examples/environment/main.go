// Environment opens the cache that an operator has configured for oCIS, by the variables that oCIS itself reads:
//
//	OCIS_CACHE_STORE=nats-js-kv OCIS_CACHE_STORE_NODES=127.0.0.1:9233 environment
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	larder "github.com/larder-cache/larder/bindings/go"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	// A malformed variable is an error that names it.
	cache, err := larder.Open(ctx, larder.Env("ocis", "STORAGE_USERS_FILEMETADATA_CACHE"))
	if err != nil {
		return err
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		return err
	}
	about, err := store.Describe()
	if err != nil {
		return err
	}
	fmt.Println(string(about))
	value, err := store.Get(ctx, []byte("nodes/64/bb"))
	if errors.Is(err, larder.ErrNotFound) {
		fmt.Println("nothing was cached yet")
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d bytes, as oCIS wrote them\n", len(value))
	return nil
}
