// Logging shows the library's own log lines through log/slog.
package main

import (
	"context"
	"log"
	"log/slog"
	"os"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
)

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cache, err := larder.Open(context.Background(), "memory://", larder.WithLogger(logger))
	if err != nil {
		log.Fatal(err)
	}
	// Lines come on a thread of the library's.
	time.Sleep(50 * time.Millisecond)
	if err := cache.Close(); err != nil {
		log.Fatal(err)
	}
}
