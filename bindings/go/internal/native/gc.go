//go:build cgo && !larder_debug_gc

package native

// use does nothing; with the build tag larder_debug_gc it collects garbage.
func use() {}
