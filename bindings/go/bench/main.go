// Bench measures Larder's memory store from Go beside otter v2 and go-micro v4's memory store, in one run: 16-byte
// keys, 100-byte values, Zipf 0.99, a lifespan on every entry, room for all keys. It prints million operations a
// second, ratios and the bars that Larder has to reach.
//
// Only ratios between columns of one row mean anything: the machine is what it is. The candidates take turns, and each
// figure is the median of the rounds.
//
// Usage: LARDER_LIBRARY=…/liblarder.so go run . [-quick] [-cpu]
package main

import (
	"flag"
	"fmt"
	"log"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// plan is how thoroughly is measured.
type plan struct {
	rounds int
	turn   time.Duration
	sizes  []int
	clock  clock
}

// clock is a time that goes on, and how many of it go on at once while so many threads run.
type clock struct {
	now   func() time.Duration
	parts func(threads int) float64
}

var (
	wall       = clock{wallTime, func(int) float64 { return 1 }}
	processors = clock{processorTime, func(threads int) float64 { return float64(threads) }}
)

func main() {
	quick := flag.Bool("quick", false, "measure 32k keys only, in less than a minute")
	cpu := flag.Bool("cpu", false, "count the time that the processors spent, for a machine that others use too")
	flag.Parse()
	chosen := plan{rounds: 7, turn: 300 * time.Millisecond, sizes: []int{32 << 10, 1_000_000}, clock: wall}
	if *quick {
		chosen = plan{rounds: 5, turn: 100 * time.Millisecond, sizes: []int{32 << 10}, clock: wall}
	}
	if *cpu {
		chosen.clock = processors
	}
	for _, size := range chosen.sizes {
		if err := table(chosen, size); err != nil {
			log.Fatal(err)
		}
	}
}

// table measures all works on caches of one size.
func table(chosen plan, size int) error {
	opened, err := newLarder(fmt.Sprintf("memory://?max_entries=%d", size))
	if err != nil {
		return err
	}
	caches := []cache{opened, newOtter(size), newMicro()}
	keys := makeKeys(size)
	for _, cache := range caches {
		defer cache.close()
		filler := cache.reader()
		for index := range keys {
			filler.put(&keys[index], value)
		}
	}
	streams := [][]uint32{zipf(size, 1), zipf(size, 2)}
	fmt.Printf("\n%d keys: million operations a second (bulk: million keys)\n", size)
	fmt.Println("| work | threads | larder | otter | go-micro | larder / otter | bar | larder ns | larder allocations |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, work := range works {
		for threads := 1; threads <= len(streams); threads++ {
			row(chosen, work, threads, caches, keys, streams)
		}
	}
	return nil
}

func row(chosen plan, work work, threads int, caches []cache, keys []key, streams [][]uint32) {
	runtime.GC()
	speeds := make([][]float64, len(caches))
	for round := range chosen.rounds {
		for turn := range caches {
			// Each candidate is first as often as the others.
			index := (turn + round) % len(caches)
			speeds[index] = append(speeds[index], speed(chosen, work, threads, caches[index], keys, streams))
		}
	}
	var medians []float64
	for _, each := range speeds {
		slices.Sort(each)
		medians = append(medians, each[len(each)/2])
	}
	ratio := medians[0] / medians[1]
	nanoseconds := 1000 / medians[0] * float64(threads)
	allocations := allocationsOf(work, caches[0], keys, streams[0])
	fmt.Printf("| %s | %d | %.2f | %.2f | %.2f | %.2f | %s | %.0f | %.2f |\n", work.name, threads, medians[0], medians[1],
		medians[2], ratio, verdict(work, threads, ratio, nanoseconds, allocations), nanoseconds, allocations)
}

// verdict says whether Larder reaches the work's bar.
func verdict(work work, threads int, ratio, nanoseconds, allocations float64) string {
	text, reached := "", true
	if bar := work.ratioBar[threads-1]; bar > 0 {
		text, reached = fmt.Sprintf("≥ %.1f × otter", bar), ratio >= bar
	}
	if work.nanosecondsBar > 0 && threads == 1 {
		text, reached = fmt.Sprintf("≤ %.0f ns a key", work.nanosecondsBar), nanoseconds <= work.nanosecondsBar
	}
	if text == "" {
		return "–"
	}
	if work.allocatesNothing && allocations >= 0.01 {
		return text + ", no allocation: MISSED"
	}
	if !reached {
		return text + ": MISSED"
	}
	return text + ": reached"
}

// speed is how many million operations a second all threads do together. Of the processors' time each thread has its
// part, that of its cache's own threads and of the garbage collector included.
func speed(chosen plan, work work, threads int, measured cache, keys []key, streams [][]uint32) float64 {
	counts := make([]int, threads)
	var running sync.WaitGroup
	begin := chosen.clock.now()
	end := time.Now().Add(chosen.turn)
	for thread := range threads {
		running.Go(func() {
			worker := newWorker(work, measured.reader(), keys, streams[thread])
			for time.Now().Before(end) {
				counts[thread] += worker.some()
			}
		})
	}
	running.Wait()
	taken := chosen.clock.now() - begin
	total := 0
	for _, count := range counts {
		total += count
	}
	return float64(total) / taken.Seconds() / 1e6 * chosen.clock.parts(threads)
}

var started = time.Now()

func wallTime() time.Duration {
	return time.Since(started)
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// allocationsOf is how many allocations an operation makes, in one thread.
func allocationsOf(work work, measured cache, keys []key, stream []uint32) float64 {
	worker := newWorker(work, measured.reader(), keys, stream)
	worker.some()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := 0
	for range 20 {
		done += worker.some()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(done)
}
