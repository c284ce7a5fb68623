//go:build cgo && larder_pkgconfig && !larder_static

package native

// #cgo CFLAGS: -DLARDER_GO_LINKED
// #cgo pkg-config: larder
import "C"

// Linked says whether the library is linked to the program, rather than loaded at run time.
const Linked = true
