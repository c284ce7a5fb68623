// Command interop does what it is told to a go-micro store, with the plugins that oCIS runs: a request a line on standard
// input, a reply a line on standard output. Larder's tests compare what it reads and writes with what Larder does.
//
// It is built twice from the same source: with go.mod the plugins are go-micro's own, with ocis.mod they are what oCIS
// replaces them with, beside the current client of NATS.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"go-micro.dev/v4/store"
)

// request is a line of input. Keys are bytes, because Go's strings need not be text.
type request struct {
	Do    string
	Store int
	openRequest

	Key      []byte
	Value    []byte
	Metadata map[string]any
	// Expiry is a Go duration, written with the record.
	Expiry string

	// Scoped sends the call's own database and table, as reva's caches do; else the store's count.
	Scoped bool

	Prefix, Suffix []byte
	Limit, Offset  uint
}

// reply is a line of output.
type reply struct {
	Store    int      `json:"store"`
	Records  []record `json:"records"`
	Keys     [][]byte `json:"keys"`
	Error    string   `json:"error,omitempty"`
	NotFound bool     `json:"not_found,omitempty"`
}

type record struct {
	Key      []byte         `json:"key"`
	Value    []byte         `json:"value"`
	Metadata map[string]any `json:"metadata"`
	// Expiry is in nanoseconds, as the plugin answers it.
	Expiry int64 `json:"expiry"`
}

func main() {
	stores := []store.Store{}
	lines := bufio.NewReader(os.Stdin)
	replies := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		answer := serve(&stores, line)
		if err := replies.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, "interop:", err)
			os.Exit(1)
		}
	}
}

func serve(stores *[]store.Store, line []byte) (answer reply) {
	// The plugins panic on some inputs; the test says whether that matters.
	defer func() {
		if cause := recover(); cause != nil {
			answer = reply{Error: fmt.Sprint("panic: ", cause)}
		}
	}()
	asked, err := decode(line)
	if err != nil {
		return reply{Error: err.Error()}
	}
	if asked.Do == "open" {
		opened, err := open(&asked.openRequest)
		if err != nil {
			return reply{Error: err.Error()}
		}
		*stores = append(*stores, opened)
		return reply{Store: len(*stores) - 1}
	}
	if asked.Store < 0 || asked.Store >= len(*stores) {
		return reply{Error: fmt.Sprintf("there is no store %d", asked.Store)}
	}
	answer, err = do((*stores)[asked.Store], asked)
	if err != nil {
		return reply{Error: err.Error(), NotFound: errors.Is(err, store.ErrNotFound)}
	}
	return answer
}

// decode keeps the numbers of the metadata as they were spelled.
func decode(line []byte) (*request, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	asked := new(request)
	return asked, decoder.Decode(asked)
}
