// Bulk writes and reads many records in one call each; reading again allocates nothing.
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
	var entries []larder.Entry
	var keys [][]byte
	for number := range 100 {
		key := fmt.Appendf(nil, "key %d", number)
		entries = append(entries, larder.Entry{Key: key, Value: fmt.Append(nil, number*number)})
		keys = append(keys, key)
	}
	if _, err := store.PutMany(ctx, entries, nil); err != nil {
		return err
	}
	var values larder.Values
	if err := store.GetManyInto(ctx, append(keys, []byte("nothing")), &values); err != nil {
		return err
	}
	found := 0
	for index := range values.Len() {
		if _, has := values.At(index); has {
			found++
		}
	}
	fmt.Println(found, "of", values.Len(), "were found")
	return nil
}
