// Filecache is the main job of the demo: the metadata of every file below a directory, cached with a lifespan.
//
// A file's stat is looked up in Larder under its path, and read from the file system and written on a miss. All files
// are looked up several times; between the rounds some files of the program's own change, and what is cached of them is
// removed by whoever changed them. A file that somebody else changes is served as it was until its lifespan ends. The
// last line is for programs.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"syscall"
	"time"

	larder "github.com/larder-cache/larder/bindings/go"
)

const (
	lifespan = time.Minute
	ownFiles = 50
	// changeEvery is which of the program's own files change after a round: one of so many.
	changeEvery = 5
)

// metadata is what is cached of a file.
type metadata struct {
	Size, ChangedNs int64
	Mode, Owner     uint32
}

const metadataLength = 24

func main() {
	directory := flag.String("dir", "/usr/share", "the directory whose files are looked up")
	rounds := flag.Int("rounds", 5, "how many times each file is looked up")
	config := flag.String("config", "memory://", "Larder's configuration: a URL, TOML, JSON, or file:///path")
	flag.Parse()
	if err := run(context.Background(), *directory, *rounds, *config); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, directory string, rounds int, config string) error {
	own, err := os.MkdirTemp("", "larder-filecache-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(own)
	if err := makeOwnFiles(own); err != nil {
		return err
	}
	paths := append(filesBelow(directory), filesBelow(own)...)
	owned := paths[len(paths)-ownFiles:]

	opened, err := larder.Open(ctx, config)
	if err != nil {
		return err
	}
	defer opened.Close()
	store, err := opened.Store(larder.DefaultStore, nil)
	if err != nil {
		return err
	}
	without := timed(func() { err = readAll(paths, rounds) })
	if err != nil {
		return err
	}
	cache := &fileCache{store: store}
	var with time.Duration
	for round := range rounds {
		with += timed(func() { err = cache.lookUpAll(ctx, paths) })
		if err != nil {
			return err
		}
		if err := cache.countStale(owned); err != nil {
			return err
		}
		if err := cache.change(ctx, owned, round); err != nil {
			return err
		}
	}
	fmt.Printf("%d files of %d bytes below %s, looked up %d times\n", len(paths), cache.bytes, directory, rounds)
	fmt.Printf("%d hits, %d misses, %d stale answers\n", cache.hits, cache.misses, cache.stale)
	fmt.Printf("language=go files=%d hits=%d misses=%d without_ms=%.1f with_ms=%.1f\n", len(paths), cache.hits, cache.misses,
		milliseconds(without), milliseconds(with))
	if cache.stale > 0 {
		return fmt.Errorf("%d answers were stale", cache.stale)
	}
	return nil
}

// fileCache looks files up in a store, and counts.
type fileCache struct {
	store                      *larder.Store
	seen                       map[string]metadata
	hits, misses, stale, bytes int64
}

func (c *fileCache) lookUpAll(ctx context.Context, paths []string) error {
	c.bytes = 0
	c.seen = make(map[string]metadata, ownFiles)
	for index, path := range paths {
		found, err := c.lookUp(ctx, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		c.bytes += found.Size
		if index >= len(paths)-ownFiles {
			c.seen[path] = found
		}
	}
	return nil
}

func (c *fileCache) lookUp(ctx context.Context, path string) (metadata, error) {
	var buffer [metadataLength]byte
	_, _, err := c.store.GetInto(ctx, []byte(path), buffer[:])
	if err == nil {
		c.hits++
		return decode(buffer[:]), nil
	}
	if !errors.Is(err, larder.ErrNotFound) {
		return metadata{}, err
	}
	c.misses++
	read, err := readMetadata(path)
	if err != nil {
		return metadata{}, err
	}
	_, err = c.store.Put(ctx, []byte(path), encode(buffer[:0], read), &larder.PutOptions{Lifespan: lifespan})
	return read, err
}

// countStale compares what was served of the program's own files with what they are now.
func (c *fileCache) countStale(owned []string) error {
	for _, path := range owned {
		current, err := readMetadata(path)
		if err != nil {
			return err
		}
		if current != c.seen[path] {
			c.stale++
		}
	}
	return nil
}

// change makes a few files grow, and removes what is cached of them.
func (c *fileCache) change(ctx context.Context, owned []string, round int) error {
	for index := round % changeEvery; index < len(owned); index += changeEvery {
		file, err := os.OpenFile(owned[index], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(file, "round %d\n", round)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		if _, err := c.store.Remove(ctx, []byte(owned[index])); err != nil && !errors.Is(err, larder.ErrNotFound) {
			return err
		}
	}
	return nil
}

func makeOwnFiles(directory string) error {
	for number := range ownFiles {
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprintf("file-%d", number)), nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// filesBelow are the paths of all that is below a directory but directories; what cannot be read is left out.
func filesBelow(directory string) (paths []string) {
	_ = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, path)
		}
		return nil
	})
	return paths
}

// readAll reads the metadata of all files from the file system, for comparison.
func readAll(paths []string, rounds int) error {
	for range rounds {
		for _, path := range paths {
			if _, err := readMetadata(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func readMetadata(path string) (metadata, error) {
	var about syscall.Stat_t
	if err := syscall.Lstat(path, &about); err != nil {
		return metadata{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return metadata{about.Size, about.Mtim.Nano(), about.Mode, about.Uid}, nil
}

func encode(buffer []byte, from metadata) []byte {
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(from.Size))
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(from.ChangedNs))
	buffer = binary.LittleEndian.AppendUint32(buffer, from.Mode)
	return binary.LittleEndian.AppendUint32(buffer, from.Owner)
}

func decode(data []byte) metadata {
	return metadata{
		Size:      int64(binary.LittleEndian.Uint64(data)),
		ChangedNs: int64(binary.LittleEndian.Uint64(data[8:])),
		Mode:      binary.LittleEndian.Uint32(data[16:]),
		Owner:     binary.LittleEndian.Uint32(data[20:]),
	}
}

func timed(work func()) time.Duration {
	begin := time.Now()
	work()
	return time.Since(begin)
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration) / float64(time.Millisecond)
}
