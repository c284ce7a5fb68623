package larder

import "github.com/larder-cache/larder/bindings/go/internal/native"

// Status says in a number what a call came to. The numbers are the same in every language.
type Status int32

// The statuses. Positive ones are answers rather than failures, but a call that gives nothing else returns them as
// errors too, such as [ErrNotFound].
const (
	StatusOK              Status = native.OK
	StatusNotFound        Status = native.NotFound
	StatusBufferTooSmall  Status = native.BufferTooSmall
	StatusConflict        Status = native.Conflict
	StatusInternal        Status = native.Internal
	StatusInvalidArgument Status = native.InvalidArgument
	StatusConfig          Status = native.Config
	StatusClosed          Status = native.Closed
	StatusTimeout         Status = native.Timeout
	StatusCancelled       Status = native.Cancelled
	StatusBusy            Status = native.Busy
	StatusTooLarge        Status = native.TooLarge
	StatusUnsupported     Status = native.Unsupported
	StatusUnavailable     Status = native.Unavailable
	StatusWouldDeadlock   Status = native.WouldDeadlock
	StatusForked          Status = native.Forked
	StatusPanic           Status = native.Panic
	StatusOutOfMemory     Status = native.OutOfMemory
	StatusIO              Status = native.IO
	StatusAmbiguous       Status = native.Ambiguous
	StatusAuth            Status = native.Auth
	StatusNoSuchStore     Status = native.NoSuchStore
	StatusCorrupt         Status = native.Corrupt
)

var statusNames = map[Status]string{
	StatusOK:              "OK",
	StatusNotFound:        "NOT_FOUND",
	StatusBufferTooSmall:  "BUFFER_TOO_SMALL",
	StatusConflict:        "CONFLICT",
	StatusInternal:        "INTERNAL",
	StatusInvalidArgument: "INVALID_ARGUMENT",
	StatusConfig:          "CONFIG",
	StatusClosed:          "CLOSED",
	StatusTimeout:         "TIMEOUT",
	StatusCancelled:       "CANCELLED",
	StatusBusy:            "BUSY",
	StatusTooLarge:        "TOO_LARGE",
	StatusUnsupported:     "UNSUPPORTED",
	StatusUnavailable:     "UNAVAILABLE",
	StatusWouldDeadlock:   "WOULD_DEADLOCK",
	StatusForked:          "FORKED",
	StatusPanic:           "PANIC",
	StatusOutOfMemory:     "OUT_OF_MEMORY",
	StatusIO:              "IO",
	StatusAmbiguous:       "AMBIGUOUS",
	StatusAuth:            "AUTH",
	StatusNoSuchStore:     "NO_SUCH_STORE",
	StatusCorrupt:         "CORRUPT",
}

// String is the status's name, such as "NOT_FOUND". A negative number of a later version reads as "INTERNAL", a
// positive one as "UNKNOWN".
func (s Status) String() string {
	if name, known := statusNames[s]; known {
		return name
	}
	if s < 0 {
		return statusNames[StatusInternal]
	}
	return "UNKNOWN"
}

// knownStatus is the status of a number; one of a later version that says a failure is StatusInternal.
func knownStatus(number int32) Status {
	known := Status(number)
	if _, isKnown := statusNames[known]; !isKnown && known < 0 {
		return StatusInternal
	}
	return known
}

// isRetryable says whether a call that failed so can succeed later without any change.
func (s Status) isRetryable() bool {
	return s == StatusTimeout || s == StatusBusy || s == StatusUnavailable
}
