// Network measures Larder's stores on servers from Go beside the clients that Go programs use: nats.go on NATS
// JetStream KV, go-micro's plugin in its format, go-redis and rueidis on Redis. All in one run, on the same servers, taking turns.
//
// Only ratios within one table mean anything. Each figure is the median of the rounds.
//
// Usage: LARDER_LIBRARY=…/liblarder.so LARDER_TEST_STORES=file.json go run ./network [-quick]
//
// The file is what `cargo run --example servers -- measure -- …` writes: the settings of stores by name, of which
// nats-js-kv and redis are measured.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"time"
)

// plan is how thoroughly is measured.
type plan struct {
	rounds   int
	turn     time.Duration
	inFlight []int
	lengths  []int
}

func main() {
	quick := flag.Bool("quick", false, "measure in about a minute")
	only := flag.String("only", "", "measure the one engine whose store type this is")
	flag.Parse()
	chosen := plan{rounds: 5, turn: 2 * time.Second, inFlight: []int{1, 64, 256}, lengths: []int{100, 16 << 10}}
	if *quick {
		chosen = plan{rounds: 3, turn: 300 * time.Millisecond, inFlight: []int{1, 64, 256}, lengths: []int{100, 16 << 10}}
	}
	stores, err := settings(os.Getenv("LARDER_TEST_STORES"))
	if err != nil {
		log.Fatal(err)
	}
	for _, engine := range engines {
		if *only != "" && *only != engine.store {
			continue
		}
		if err := measure(chosen, engine, stores[engine.store].Settings); err != nil {
			log.Fatalf("%s: %v", engine.name, err)
		}
	}
}

// engine is a server and the clients that are measured on it, Larder's first.
type engine struct {
	name  string
	store string
	open  func(settings map[string]any) ([]client, error)
}

var engines = []engine{
	{name: "NATS JetStream KV", store: "nats-js-kv", open: natsClients},
	{name: "NATS JetStream KV, go-micro's format", store: "nats-js-kv", open: goMicroClients},
	{name: "Redis", store: "redis", open: redisClients},
	{name: "Redis, puts whose revisions grow", store: "redis", open: revisionClients},
}

// started is a store on servers that were started.
type started struct {
	Settings map[string]any `json:"settings"`
}

// settings reads the settings of the stores that were started.
func settings(path string) (map[string]started, error) {
	if path == "" {
		return nil, fmt.Errorf("LARDER_TEST_STORES is not set; run `make bench`")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var stores map[string]started
	return stores, json.Unmarshal(text, &stores)
}

// measure prints the table of one engine.
func measure(chosen plan, engine engine, settings map[string]any) error {
	clients, err := engine.open(settings)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s, from Go\n", engine.name)
	fmt.Println("| work | value | in flight | client | per second | of the best peer | p50 µs | allocations | CPU µs |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, length := range chosen.lengths {
		for _, client := range clients {
			if err := fill(client, length); err != nil {
				return fmt.Errorf("%s: %w", client.name(), err)
			}
		}
		for _, work := range works {
			for _, inFlight := range chosen.inFlight {
				if inFlight > work.mostInFlight {
					continue
				}
				if err := rows(chosen, work, length, inFlight, clients); err != nil {
					return err
				}
			}
		}
	}
	for _, client := range clients {
		client.close()
	}
	return nil
}

// place is whose turn it is of so many: forth and back, and from another one on each time, so that nobody always follows the
// same one, and has to wait for what that left to be done.
func place(turn, round, count int) int {
	if round%2 == 1 {
		turn = count - 1 - turn
	}
	return (turn + round/2) % count
}

// rows measures one work with every client, in turns.
func rows(chosen plan, work work, length, inFlight int, clients []client) error {
	figures := make([][]figure, len(clients))
	for round := range chosen.rounds {
		for turn := range clients {
			index := place(turn, round, len(clients))
			measured, err := run(chosen.turn, work, clients[index], length, inFlight)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", clients[index].name(), work.name, err)
			}
			figures[index] = append(figures[index], measured)
		}
	}
	best := 0.0
	for index, measured := range figures {
		slices.SortFunc(measured, func(a, b figure) int { return int(a.perSecond - b.perSecond) })
		if !clients[index].ours() {
			best = max(best, measured[len(measured)/2].perSecond)
		}
	}
	for index, measured := range figures {
		median := measured[len(measured)/2]
		fmt.Printf("| %s | %d | %d | %s | %.0f | %.2f | %.0f | %.1f | %.1f |\n", work.name, length, inFlight,
			clients[index].name(), median.perSecond, median.perSecond/best, median.p50, median.allocations, median.cpu)
	}
	return nil
}
