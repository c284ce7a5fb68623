// Watch tells what is in a store, and then what happens in it.
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
	if _, err := store.Put(ctx, []byte("old"), []byte("1"), nil); err != nil {
		return err
	}
	for event, err := range store.Watch(ctx, &larder.WatchOptions{Start: larder.FromExisting}) {
		if err != nil {
			return err
		}
		switch event.Kind {
		case larder.Current:
			fmt.Println("that was all; now changes")
			if err := change(ctx, store); err != nil {
				return err
			}
		case larder.Removed:
			fmt.Printf("removed %s\n", event.Record.Key)
			return nil
		default:
			fmt.Printf("%v %s = %s\n", event.Kind, event.Record.Key, event.Record.Value)
		}
	}
	return nil
}

func change(ctx context.Context, store *larder.Store) error {
	if _, err := store.Put(ctx, []byte("new"), []byte("2"), nil); err != nil {
		return err
	}
	_, err := store.Remove(ctx, []byte("old"))
	return err
}
