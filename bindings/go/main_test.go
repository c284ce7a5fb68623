package larder

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// openVariable makes the test program open a larder, say how that went, and end.
const openVariable = "LARDER_TEST_OPEN"

func TestMain(m *testing.M) {
	if config := os.Getenv(openVariable); config != "" {
		_, err := Open(context.Background(), config)
		fmt.Println(err)
		os.Exit(0)
	}
	code := m.Run()
	if left := leakedGoroutines(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines were left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leakedGoroutines are those that read queues and are still there when every test has closed what it opened.
func leakedGoroutines() string {
	var left []string
	for range 100 {
		runtime.GC()
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left = nil
		for _, stack := range strings.Split(string(stacks), "\n\n")[1:] {
			if strings.Contains(stack, "(*dispatcher).") || strings.Contains(stack, "(*Store).") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(50 * time.Millisecond)
	}
	return strings.Join(left, "\n\n")
}

// openStore opens the default store of a configuration, and closes the larder when the test ends.
func openStore(t testing.TB, config string, options ...Option) (*Larder, *Store) {
	t.Helper()
	larder, err := Open(context.Background(), config, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = larder.Close() })
	store, err := larder.Store(DefaultStore, nil)
	if err != nil {
		t.Fatal(err)
	}
	return larder, store
}

// eventually waits until a condition holds, for 20 seconds at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
