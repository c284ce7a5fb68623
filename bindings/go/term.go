package larder

import (
	"fmt"
	"math"
	"time"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// Unlimited is a lifespan, a max-idle or a remaining time without end.
const Unlimited = time.Duration(math.MaxInt64)

// milliseconds rounds up, so that nothing lives shorter than was asked for and a deadline is never 0, which is none.
func milliseconds(duration time.Duration) int64 {
	whole := int64(duration / time.Millisecond)
	if duration%time.Millisecond > 0 {
		whole++
	}
	return whole
}

// termMs is a lifespan or max-idle in the boundary's form.
func termMs(operation, name string, term time.Duration) (int64, error) {
	switch {
	case term == Unlimited:
		return native.TermUnlimited, nil
	case term < 0:
		return 0, invalid(operation, name, fmt.Sprintf("%v is negative; 0 is the store's default, larder.Unlimited is without end", term))
	default:
		return milliseconds(term), nil
	}
}

// durationOf is a number of milliseconds of a record, where -1 is without end.
func durationOf(ms int64) time.Duration {
	if ms < 0 || ms > int64(Unlimited/time.Millisecond) {
		return Unlimited
	}
	return time.Duration(ms) * time.Millisecond
}
