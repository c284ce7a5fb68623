package larder

import (
	"sync"
	"sync/atomic"

	"github.com/larder-cache/larder/bindings/go/internal/native"
)

// shardCount is how many locks the registry has; a power of two.
const shardCount = 64

// registry holds who waits for which request.
//
// Invariant: whoever takes an id out of it, the answer or the one who waits, decides what becomes of the request; the
// other one finds nobody. So an answer is delivered once, and one that comes too late is freed.
type registry struct {
	next   atomic.Uint64
	shards [shardCount]shard
}

type shard struct {
	mutex   sync.Mutex
	waiting map[uint64]*waiter
	_       [40]byte // so that no two locks are in one cache line
}

// waiter is one goroutine that waits for one answer.
type waiter struct {
	answered chan native.Answer
}

// waiters are kept for the next request: whoever was taken out of the registry gets no second answer.
var waiters = sync.Pool{New: func() any { return &waiter{answered: make(chan native.Answer, 1)} }}

func (r *registry) shard(id uint64) *shard {
	return &r.shards[id%shardCount]
}

// id is one that no other request has.
func (r *registry) id() uint64 {
	return r.next.Add(1)
}

// add gives a new waiter an id.
func (r *registry) add() (uint64, *waiter) {
	id := r.id()
	return id, r.put(id)
}

// put adds a waiter for an id that has none.
func (r *registry) put(id uint64) *waiter {
	added := waiters.Get().(*waiter)
	shard := r.shard(id)
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	if shard.waiting == nil {
		shard.waiting = make(map[uint64]*waiter)
	}
	shard.waiting[id] = added
	return added
}

// take takes the waiter of an id out; nil if somebody else did.
func (r *registry) take(id uint64) *waiter {
	shard := r.shard(id)
	shard.mutex.Lock()
	defer shard.mutex.Unlock()
	taken := shard.waiting[id]
	delete(shard.waiting, id)
	return taken
}
