//go:build cgo

package native

// #include "trampoline.h"
import "C"

// Failure is why a call failed; nil where it did not.
type Failure struct {
	Status    int32
	Message   string
	Source    string
	Retryable bool
}

// takeFailure copies an error out and frees it. A negative status without an error object has no text.
func takeFailure(status C.int32_t, object C.uintptr_t) *Failure {
	if status >= 0 {
		return nil
	}
	if object == 0 {
		return &Failure{Status: int32(status)}
	}
	var view C.larder_go_error_t
	C.larder_go_error_view(object, &view)
	failure := &Failure{
		Status:    int32(view.code),
		Message:   C.GoString(view.message),
		Source:    C.GoString(view.source),
		Retryable: view.retryable != 0,
	}
	C.larder_go_error_free(object)
	return failure
}
