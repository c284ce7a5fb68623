package larder

import (
	"context"
	"errors"
	"strings"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Error is why a call failed. It matches, by [errors.Is], the variable of its status, such as [ErrClosed].
type Error struct {
	// Status is what happened, in a number.
	Status Status
	// Operation is what was attempted, such as "get"; empty in the variables that errors are compared with.
	Operation string
	// Message says what happened, on what, and what to do about it.
	Message string
	// Source is the setting, argument or type of store at fault; it may be empty.
	Source string
	// Retryable says whether the same call can succeed later without any change.
	Retryable bool

	cause error
}

// What errors are compared with.
var (
	// ErrNotFound: there is no such record, or it has expired.
	ErrNotFound = sentinel(StatusNotFound, "there is no such record")
	// ErrBufferTooSmall: the buffer is smaller than the value; the needed length was returned.
	ErrBufferTooSmall = sentinel(StatusBufferTooSmall, "the buffer is smaller than the value")
	// ErrConflict: the record is there already, or has another revision than was expected.
	ErrConflict = sentinel(StatusConflict, "the record's revision is another one than was expected")
	// ErrInternal: a fault inside Larder.
	ErrInternal = sentinel(StatusInternal, "internal fault")
	// ErrInvalidArgument: an argument is out of range or not what it must be.
	ErrInvalidArgument = sentinel(StatusInvalidArgument, "invalid argument")
	// ErrConfig: the configuration cannot be used.
	ErrConfig = sentinel(StatusConfig, "the configuration cannot be used")
	// ErrClosed: the larder, the store or the watch was closed. A write that was under way was not sent to a server then;
	// one that may have been fails with ErrAmbiguous.
	ErrClosed = sentinel(StatusClosed, "closed")
	// ErrTimeout: the deadline passed before the answer came. Such an error is context.DeadlineExceeded too.
	ErrTimeout = sentinel(StatusTimeout, "the deadline passed")
	// ErrCancelled: the context was cancelled. Such an error is context.Canceled too.
	ErrCancelled = sentinel(StatusCancelled, "cancelled")
	// ErrBusy: too many requests are in flight.
	ErrBusy = sentinel(StatusBusy, "too many requests in flight")
	// ErrTooLarge: a key, value or batch is larger than the store takes.
	ErrTooLarge = sentinel(StatusTooLarge, "too large")
	// ErrUnsupported: the store cannot do this.
	ErrUnsupported = sentinel(StatusUnsupported, "not supported by this store")
	// ErrUnavailable: the store cannot be reached.
	ErrUnavailable = sentinel(StatusUnavailable, "the store cannot be reached")
	// ErrForked: the handle was made before a fork and is used in the child.
	ErrForked = sentinel(StatusForked, "the handle belongs to the process that forked")
	// ErrPanic: Larder's own code panicked, and the panic was caught.
	ErrPanic = sentinel(StatusPanic, "a panic was caught")
	// ErrOutOfMemory: memory could not be had.
	ErrOutOfMemory = sentinel(StatusOutOfMemory, "out of memory")
	// ErrIO: a file or a socket failed.
	ErrIO = sentinel(StatusIO, "input or output failed")
	// ErrAmbiguous: whether the write happened cannot be known: it was sent, and no answer came before the deadline, the
	// end of the connection or a Close, or fewer replicas than its [Durability] asked for are known to have it. Read the
	// record to find out, or write the same value again where that is harmless. A write on a condition may find its own
	// first try: after ErrConflict read and compare.
	ErrAmbiguous = sentinel(StatusAmbiguous, "whether the write happened is not known")
	// ErrAuth: the store refused the credentials.
	ErrAuth = sentinel(StatusAuth, "the credentials were refused")
	// ErrNoSuchStore: the configuration has no store of that name.
	ErrNoSuchStore = sentinel(StatusNoSuchStore, "the configuration has no such store")
	// ErrCorrupt: what the store holds under the key cannot be decoded.
	ErrCorrupt = sentinel(StatusCorrupt, "the stored entry cannot be decoded")
)

// ErrLibrary: the native library could not be loaded. The error's text says where it was looked for, why each place
// failed, and what to do.
var ErrLibrary = errors.New("larder: the native library could not be loaded")

func sentinel(status Status, message string) error {
	return &Error{Status: status, Message: message}
}

// Error is the text, as "larder: get: key: it is null".
func (e *Error) Error() string {
	parts := []string{"larder"}
	for _, part := range []string{e.Operation, e.Source, e.text()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

func (e *Error) text() string {
	if e.Message != "" {
		return e.Message
	}
	return e.Status.String()
}

// Is says whether the target has the same status, or is the context's error of it.
func (e *Error) Is(target error) bool {
	switch target {
	case context.Canceled:
		return e.Status == StatusCancelled
	case context.DeadlineExceeded:
		return e.Status == StatusTimeout
	}
	other, isError := target.(*Error)
	return isError && other.Operation == "" && other.Status == e.Status
}

// Unwrap is the cause that the context was cancelled with, or why a codec failed.
func (e *Error) Unwrap() error {
	return e.cause
}

// Timeout says whether the deadline passed, as net.Error has it.
func (e *Error) Timeout() bool {
	return e.Status == StatusTimeout
}

// failed makes an error of a failure; nil of nil.
func failed(operation string, failure *native.Failure) error {
	if failure == nil {
		return nil
	}
	source := failure.Source
	// The queue is the larder's own, and closed with it.
	if source == "queue" {
		source = "larder"
	}
	return &Error{
		Status:    knownStatus(failure.Status),
		Operation: operation,
		Message:   strings.TrimPrefix(failure.Message, failure.Source+": "),
		Source:    source,
		Retryable: failure.Retryable,
	}
}

// outcome is the error of a status that is not a failure; nil of OK.
func outcome(status int32) error {
	switch status {
	case native.OK:
		return nil
	case native.NotFound:
		return ErrNotFound
	case native.Conflict:
		return ErrConflict
	case native.BufferTooSmall:
		return ErrBufferTooSmall
	default:
		return &Error{Status: Status(status), Message: "the library answered with a status that this package does not know"}
	}
}

// ended is the error of a context that ended.
func ended(operation string, ctx context.Context) error {
	result := &Error{Status: StatusCancelled, Operation: operation, Message: "the context was cancelled; a write may still happen"}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		result.Status, result.Retryable = StatusTimeout, true
		result.Message = "the context's deadline passed; a write may still happen"
	}
	if cause := context.Cause(ctx); cause != ctx.Err() {
		result.cause = cause
	}
	return result
}

func invalid(operation, source, message string) error {
	return &Error{Status: StatusInvalidArgument, Operation: operation, Source: source, Message: message}
}

func closed(operation, what string) error {
	return &Error{Status: StatusClosed, Operation: operation, Source: what, Message: "it was closed; open it anew to go on"}
}
