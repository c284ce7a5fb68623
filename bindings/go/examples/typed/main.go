// Typed keeps Go structs as JSON under string keys.
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

type user struct {
	Name string `json:"name"`
	Age  int    `json:"age"`
}

func run(ctx context.Context, store *larder.Store) error {
	users := larder.NewTypedStore(store, larder.String[string]{}, larder.JSON[user]{})
	if _, err := users.Put(ctx, "ann", user{"Ann", 34}, nil); err != nil {
		return err
	}
	ann, err := users.Get(ctx, "ann")
	if err != nil {
		return err
	}
	fmt.Println(ann.Name, "is", ann.Age)
	return nil
}
