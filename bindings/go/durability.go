package larder

import (
	"fmt"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Durability says how much of a replicated store must have a write before it counts as done: the zero value for the
// store's default, [DurabilityNone], [DurabilityAll], or what [Replicas] makes. The store waits no longer than the
// context says; a write of which that much is not known then fails with [ErrAmbiguous].
type Durability int32

const (
	// DurabilityNone: the server that took the write has it.
	DurabilityNone Durability = native.DurabilityNone
	// DurabilityAll: every replica that could become the master has it, and one at least.
	DurabilityAll Durability = native.DurabilityAll
)

const (
	mostReplicas         = 255
	durabilityOutOfRange = mostReplicas + 1
)

// Replicas is a durability of at least so many replicas, 1 to 255, besides the server that took the write. A write with
// another count fails with [ErrInvalidArgument].
func Replicas(count int) Durability {
	if count < 1 || count > mostReplicas {
		return durabilityOutOfRange
	}
	return Durability(count)
}

// durabilityNumber is the number that the library takes.
func durabilityNumber(operation string, durability Durability) (int32, error) {
	if durability < DurabilityAll || durability > mostReplicas {
		text := fmt.Sprintf("the number of replicas is out of range; give 1 to %d, or DurabilityAll or DurabilityNone", mostReplicas)
		return 0, invalid(operation, "Durability", text)
	}
	return int32(durability), nil
}
