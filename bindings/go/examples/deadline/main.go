// Deadline gives up a call that gets no answer; the store is one that never answers.
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
	ctx := context.Background()
	cache, err := larder.Open(ctx, "fault://?fault=never")
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
	limited, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err := store.Get(limited, []byte("key"))
	if !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("expected the deadline: %w", err)
	}
	var failure *larder.Error
	if errors.As(err, &failure) {
		fmt.Println("status", failure.Status, "retryable", failure.Retryable)
	}
	return nil
}
