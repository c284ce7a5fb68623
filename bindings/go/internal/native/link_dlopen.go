//go:build cgo && !larder_pkgconfig && !larder_static

package native

// #cgo linux LDFLAGS: -ldl
import "C"

// Linked says whether the library is linked to the program, rather than loaded at run time.
const Linked = false
