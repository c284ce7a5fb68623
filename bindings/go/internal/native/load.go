//go:build cgo

// Package native is the boundary: the only place that knows C. It finds the library, turns Go bytes into arguments and
// answers into Go values, and owns the handles.
//
// What always holds: no pointer to Go memory outlives a call but that of a value that a request lends, which its caller
// keeps pinned until the request was answered; none stands in memory that C reads through another pointer; a handle is
// freed when the garbage collector finds its Go value unreachable, so never under a running call; no call here waits for
// input or output but Queue.Drain, where it is asked to, and Larder.Close.
package native

// #include <stdlib.h>
// #include "trampoline.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"
)

// LibraryVariable names the environment variable that holds the library's path.
const LibraryVariable = "LARDER_LIBRARY"

// The names under which the library is installed.
var libraryNames = []string{"liblarder.so.1", "liblarder.so"}

var library struct {
	mutex sync.Mutex
	path  string
}

// Load finds and loads the library, once for the process. After a failure the next call tries again.
func Load() error {
	library.mutex.Lock()
	defer library.mutex.Unlock()
	if library.path != "" {
		return nil
	}
	if Linked {
		library.path = "linked"
		return nil
	}
	path, err := loadFirst(candidates())
	if err != nil {
		return err
	}
	library.path = path
	return nil
}

// Version is the version of the loaded library.
func Version() string {
	return C.GoString(C.larder_go_version())
}

// Path is where the loaded library came from: a path, a name that the loader searched for, or "linked".
func Path() string {
	library.mutex.Lock()
	defer library.mutex.Unlock()
	return library.path
}

// candidate is a place where the library may be.
type candidate struct {
	path  string
	place string
}

// candidates are the places in the order of the search. A path that was asked for is the only one: another library
// than that one would be a surprise.
func candidates() []candidate {
	if path := os.Getenv(LibraryVariable); path != "" {
		return []candidate{{path, "named by " + LibraryVariable}}
	}
	var places []candidate
	if executable, err := os.Executable(); err == nil {
		directory := filepath.Dir(executable)
		for _, name := range libraryNames {
			places = append(places, candidate{filepath.Join(directory, name), "beside the executable"})
		}
	}
	for _, name := range libraryNames {
		places = append(places, candidate{name, "on the loader's path"})
	}
	return places
}

func loadFirst(places []candidate) (string, error) {
	var tried strings.Builder
	for _, place := range places {
		err := loadFrom(place.path)
		if err == nil {
			return place.path, nil
		}
		fmt.Fprintf(&tried, "\n  %s (%s): %s", place.path, place.place, err)
	}
	return "", fmt.Errorf("the library could not be loaded; tried%s\n"+
		"Set %s to the path of liblarder.so, put it beside the executable, or install it where the loader finds it "+
		"(then run ldconfig)", tried.String(), LibraryVariable)
}

func loadFrom(path string) error {
	text := C.CString(path)
	defer C.free(unsafe.Pointer(text))
	why := C.larder_go_load(text)
	if why == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(why))
	return errors.New(strings.TrimPrefix(C.GoString(why), path+": "))
}
