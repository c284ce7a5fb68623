package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
)

const (
	valueLength = 100
	// atOnce is how many operations are done between two looks at the clock.
	atOnce = 512
	// drawn is how many keys a stream has before it begins again; a power of two.
	drawn = 1 << 20
	skew  = 0.99
)

var value = bytes.Repeat([]byte{'v'}, valueLength)

// work is what is done to a cache. Bars are those of Larder; 0 for none.
type work struct {
	name             string
	bulk             int
	putsOfAHundred   int
	copies           bool
	ratioBar         [2]float64
	nanosecondsBar   float64
	allocatesNothing bool
}

var works = []work{
	{name: "get into a buffer", ratioBar: [2]float64{2, 1}, allocatesNothing: true},
	{name: "get a copy", copies: true},
	{name: "put", putsOfAHundred: 100},
	{name: "75 get / 25 put", putsOfAHundred: 25},
	{name: "bulk get of 16", bulk: 16, nanosecondsBar: 150, allocatesNothing: true},
	{name: "bulk get of 100", bulk: 100, nanosecondsBar: 150, allocatesNothing: true},
}

// worker does one work in one thread.
type worker struct {
	work   work
	reader reader
	keys   []key
	stream []uint32
	at     int
	batch  []*key
	buffer [valueLength]byte
	kept   []byte // the last copy, so that it is really made
}

func newWorker(work work, reader reader, keys []key, stream []uint32) *worker {
	return &worker{work: work, reader: reader, keys: keys, stream: stream, at: rand.IntN(drawn), batch: make([]*key, work.bulk)}
}

func (w *worker) next() *key {
	w.at++
	return &w.keys[w.stream[w.at&(drawn-1)]]
}

// some does many operations and returns how many.
func (w *worker) some() int {
	switch {
	case w.work.bulk > 0:
		return w.bulks()
	case w.work.copies:
		for range atOnce {
			w.kept = w.reader.getCopy(w.next())
		}
	case w.work.putsOfAHundred == 0:
		for range atOnce {
			w.reader.get(w.next(), w.buffer[:])
		}
	default:
		w.mixed()
	}
	return atOnce
}

func (w *worker) mixed() {
	for turn := range atOnce {
		if turn*37%100 < w.work.putsOfAHundred {
			w.reader.put(w.next(), value)
		} else {
			w.reader.get(w.next(), w.buffer[:])
		}
	}
}

func (w *worker) bulks() (done int) {
	for done < atOnce {
		for index := range w.batch {
			w.batch[index] = w.next()
		}
		w.reader.getMany(w.batch)
		done += len(w.batch)
	}
	return done
}

func makeKeys(count int) []key {
	keys := make([]key, count)
	for index := range keys {
		text := fmt.Sprintf("key-%012d", index)
		keys[index] = key{[]byte(text), text}
	}
	return keys
}

// zipf draws numbers below count, the popular ones not side by side.
func zipf(count int, seed uint64) []uint32 {
	cumulative := make([]float64, count)
	sum := 0.0
	for rank := range cumulative {
		sum += math.Pow(float64(rank+1), -skew)
		cumulative[rank] = sum
	}
	random := rand.New(rand.NewPCG(seed, seed))
	stream := make([]uint32, drawn)
	for index := range stream {
		rank := sort.SearchFloat64s(cumulative, random.Float64()*sum)
		stream[index] = uint32(uint64(rank) * 2_654_435_761 % uint64(count))
	}
	return stream
}
