package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// keyCount is how many keys there are.
	keyCount = 10_000
	// bulkSize is how many keys a bulk call has.
	bulkSize = 100
)

// client is a client library on one server.
type client interface {
	name() string
	// ours says whether it is Larder.
	ours() bool
	get(ctx context.Context, key string) ([]byte, error)
	put(ctx context.Context, key string, value []byte) error
	// getMany returns how many of the keys there were.
	getMany(ctx context.Context, keys []string) (int, error)
	close()
}

// work is one kind of call; it says how many operations a call was.
type work struct {
	name string
	// mostInFlight is how many such calls a client can be asked for at once: beyond it some of them give up.
	mostInFlight int
	call         func(ctx context.Context, client client, random *rand.Rand, value []byte) (int, error)
}

var works = []work{
	{"get", 256, func(ctx context.Context, client client, random *rand.Rand, value []byte) (int, error) {
		found, err := client.get(ctx, keys[random.IntN(keyCount)])
		if err == nil && len(found) != len(value) {
			return 0, fmt.Errorf("%d bytes instead of %d", len(found), len(value))
		}
		return 1, err
	}},
	{"put", 256, func(ctx context.Context, client client, random *rand.Rand, value []byte) (int, error) {
		return 1, client.put(ctx, keys[random.IntN(keyCount)], value)
	}},
	{"bulk get of 100", 1, func(ctx context.Context, client client, random *rand.Rand, value []byte) (int, error) {
		first := random.IntN(keyCount - bulkSize)
		found, err := client.getMany(ctx, keys[first:first+bulkSize])
		if err == nil && found != bulkSize {
			return 0, fmt.Errorf("%d of %d keys found", found, bulkSize)
		}
		return bulkSize, err
	}},
}

var keys = makeKeys()

func makeKeys() []string {
	made := make([]string, keyCount)
	for index := range made {
		made[index] = fmt.Sprintf("key-%012d", index)
	}
	return made
}

// fill writes every key, so that each get finds one.
func fill(client client, length int) error {
	ctx := context.Background()
	value := make([]byte, length)
	var filling sync.WaitGroup
	failures := make(chan error, 64)
	for worker := range 64 {
		filling.Go(func() {
			for index := worker; index < keyCount; index += 64 {
				if err := client.put(ctx, keys[index], value); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	filling.Wait()
	close(failures)
	return <-failures
}

// figure is what one turn measured: operations a second, the median call in µs, allocations and processor time in µs of
// this process for each operation.
type figure struct {
	perSecond, p50, allocations, cpu float64
}

// run does a work with so many calls in flight, each in a goroutine.
func run(turn time.Duration, work work, client client, length, inFlight int) (figure, error) {
	ctx := context.Background()
	counts := make([]int, inFlight)
	times := make([][]time.Duration, inFlight)
	failures := make([]error, inFlight)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := processorTime()
	begin := time.Now()
	end := begin.Add(turn)
	var running sync.WaitGroup
	for worker := range inFlight {
		running.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 7))
			value := make([]byte, length)
			taken := make([]time.Duration, 0, 1<<14)
			for {
				called := time.Now()
				if called.After(end) {
					break
				}
				count, err := work.call(ctx, client, random, value)
				if err != nil {
					failures[worker] = err
					return
				}
				counts[worker] += count
				if len(taken) < cap(taken) {
					taken = append(taken, time.Since(called))
				}
			}
			times[worker] = taken
		})
	}
	running.Wait()
	seconds := time.Since(begin).Seconds()
	cpu = processorTime() - cpu
	runtime.ReadMemStats(&after)
	total := 0
	for worker, count := range counts {
		if failures[worker] != nil {
			return figure{}, failures[worker]
		}
		total += count
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return figure{}, fmt.Errorf("no call ended in %v", turn)
	}
	return figure{
		perSecond:   float64(total) / seconds,
		p50:         float64(all[len(all)/2].Nanoseconds()) / 1000,
		allocations: float64(after.Mallocs-before.Mallocs) / float64(total),
		cpu:         float64(cpu.Nanoseconds()) / 1000 / float64(total),
	}, nil
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
