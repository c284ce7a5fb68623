package larder_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
)

func Example() {
	ctx := context.Background()
	cache, err := larder.Open(ctx, "memory://?max_entries=10000&lifespan=10m")
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	store, err := cache.Store(larder.DefaultStore, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := store.Put(ctx, []byte("key"), []byte("value"), nil); err != nil {
		log.Fatal(err)
	}
	value, err := store.Get(ctx, []byte("key"))
	fmt.Printf("%s %v\n", value, err)
	_, err = store.Get(ctx, []byte("other"))
	fmt.Println(errors.Is(err, larder.ErrNotFound))
	// Output:
	// value <nil>
	// true
}

func ExampleTypedStore() {
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
	type user struct{ Name string }
	users := larder.NewTypedStore(store, larder.String[string]{}, larder.JSON[user]{})
	if _, err := users.Put(ctx, "ann", user{"Ann"}, &larder.PutOptions{Lifespan: time.Hour}); err != nil {
		log.Fatal(err)
	}
	ann, err := users.Get(ctx, "ann")
	fmt.Println(ann.Name, err)
	// Output: Ann <nil>
}

func ExampleStore_Replace() {
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
	first, err := store.PutIfAbsent(ctx, []byte("key"), []byte("one"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := store.Replace(ctx, []byte("key"), []byte("two"), first, nil); err != nil {
		log.Fatal(err)
	}
	_, err = store.Replace(ctx, []byte("key"), []byte("three"), first, nil)
	fmt.Println(errors.Is(err, larder.ErrConflict))
	// Output: true
}

func ExampleStore_Watch() {
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
	events := store.Watch(ctx, nil)
	_, _ = store.Put(ctx, []byte("key"), []byte("value"), nil)
	_, _ = store.Remove(ctx, []byte("key"))
	for event, err := range events {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v %s\n", event.Kind, event.Record.Key)
		if event.Kind == larder.Removed {
			break
		}
	}
	// Output:
	// created key
	// removed key
}
