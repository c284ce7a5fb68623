//go:build cgo && larder_static

package native

// The archive is named before what pkg-config adds, so that it is taken even where a shared object lies beside it.

// #cgo CFLAGS: -DLARDER_GO_LINKED
// #cgo LDFLAGS: -Wl,--as-needed -l:liblarder.a
// #cgo pkg-config: --static larder
import "C"

// Linked says whether the library is linked to the program, rather than loaded at run time.
const Linked = true
