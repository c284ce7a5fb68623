//go:build cgo && larder_debug_gc

package native

import "runtime"

// use collects garbage before each use of a handle, so that a value that is freed too early shows at once.
func use() {
	runtime.GC()
}
