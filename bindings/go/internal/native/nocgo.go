//go:build !cgo

package native

// Larder is a native library, which this package reaches through cgo. This does not compile, and says so:
var _ = larder_needs_cgo__build_with_CGO_ENABLED_1_and_a_C_compiler
