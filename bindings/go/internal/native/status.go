//go:build cgo

package native

// #include "trampoline.h"
import "C"

// The statuses of a call.
const (
	OK              = C.LARDER_OK
	NotFound        = C.LARDER_NOT_FOUND
	BufferTooSmall  = C.LARDER_BUFFER_TOO_SMALL
	Conflict        = C.LARDER_CONFLICT
	Pending         = C.LARDER_PENDING
	Internal        = C.LARDER_INTERNAL
	InvalidArgument = C.LARDER_INVALID_ARGUMENT
	Config          = C.LARDER_CONFIG
	Closed          = C.LARDER_CLOSED
	Timeout         = C.LARDER_TIMEOUT
	Cancelled       = C.LARDER_CANCELLED
	Busy            = C.LARDER_BUSY
	TooLarge        = C.LARDER_TOO_LARGE
	Unsupported     = C.LARDER_UNSUPPORTED
	Unavailable     = C.LARDER_UNAVAILABLE
	WouldDeadlock   = C.LARDER_WOULD_DEADLOCK
	Forked          = C.LARDER_FORKED
	Panic           = C.LARDER_PANIC
	OutOfMemory     = C.LARDER_OUT_OF_MEMORY
	IO              = C.LARDER_IO
	Ambiguous       = C.LARDER_AMBIGUOUS
	Auth            = C.LARDER_AUTH
	NoSuchStore     = C.LARDER_NO_SUCH_STORE
	Corrupt         = C.LARDER_CORRUPT
)

// The operations of a request.
const (
	Get        = C.LARDER_OPERATION_GET
	GetMany    = C.LARDER_OPERATION_GET_MANY
	Contains   = C.LARDER_OPERATION_CONTAINS
	Put        = C.LARDER_OPERATION_PUT
	PutMany    = C.LARDER_OPERATION_PUT_MANY
	Remove     = C.LARDER_OPERATION_REMOVE
	RemoveMany = C.LARDER_OPERATION_REMOVE_MANY
	Touch      = C.LARDER_OPERATION_TOUCH
	List       = C.LARDER_OPERATION_LIST
	OpenCursor = C.LARDER_OPERATION_CURSOR
	CursorNext = C.LARDER_OPERATION_CURSOR_NEXT
	Clear      = C.LARDER_OPERATION_CLEAR
	Size       = C.LARDER_OPERATION_SIZE
	OpenWatch  = C.LARDER_OPERATION_WATCH
	WatchNext  = C.LARDER_OPERATION_WATCH_NEXT
	Statistics = C.LARDER_OPERATION_STATISTICS
	Ping       = C.LARDER_OPERATION_PING
	GetValue   = C.LARDER_OPERATION_GET_VALUE
	GetValues  = C.LARDER_OPERATION_GET_VALUES
)

// The conditions of a write.
const (
	Always     = C.LARDER_CONDITION_ALWAYS
	IfAbsent   = C.LARDER_CONDITION_IF_ABSENT
	IfRevision = C.LARDER_CONDITION_IF_REVISION
)

// What a list gives, where a watch begins, what an event tells, how grave a log line is.
const (
	ListKeys    = C.LARDER_LIST_KEYS
	ListRecords = C.LARDER_LIST_RECORDS

	WatchNow      = C.LARDER_WATCH_NOW
	WatchExisting = C.LARDER_WATCH_EXISTING

	EventCreated = C.LARDER_EVENT_CREATED
	EventUpdated = C.LARDER_EVENT_UPDATED
	EventRemoved = C.LARDER_EVENT_REMOVED
	EventExpired = C.LARDER_EVENT_EXPIRED
	EventEvicted = C.LARDER_EVENT_EVICTED
	EventCurrent = C.LARDER_EVENT_CURRENT
	EventLost    = C.LARDER_EVENT_LOST

	LogError = C.LARDER_LOG_ERROR
	LogWarn  = C.LARDER_LOG_WARN
	LogInfo  = C.LARDER_LOG_INFO
	LogDebug = C.LARDER_LOG_DEBUG
)

// TermUnlimited is a lifespan or max-idle without end.
const TermUnlimited = C.LARDER_TERM_UNLIMITED

// The durabilities of a write beside a number of replicas.
const (
	DurabilityNone = C.LARDER_DURABILITY_NONE
	DurabilityAll  = C.LARDER_DURABILITY_ALL
)

// LengthNotFound stands in place of a value's length where there is no record.
const LengthNotFound = C.LARDER_LENGTH_NOT_FOUND
