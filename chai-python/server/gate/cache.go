package gate

import (
	"container/list"
	"encoding/binary"
	"sync"
)

// planCache keeps the plans used last, by text, declared types and version of the catalogue.
type planCache struct {
	capacity int // plans
	bytes    int // that they may weigh together

	mu      sync.Mutex
	entries map[cacheKey]*list.Element
	order   list.List // of *cacheEntry, the one used last in front
	weight  int
}

type cacheKey struct {
	sql, declared string
	version       uint64
}

type cacheEntry struct {
	key  cacheKey
	plan *Plan
}

func newPlanCache(l Limits) planCache {
	return planCache{capacity: l.CachedPlans, bytes: l.CachedPlanBytes}
}

func keyFor(sql string, declared []uint32, version uint64) cacheKey {
	var types []byte
	for _, oid := range declared {
		types = binary.AppendUvarint(types, uint64(oid))
	}
	return cacheKey{sql, string(types), version}
}

func (c *planCache) get(key cacheKey) *Plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cacheEntry).plan
}

func (c *planCache) put(key cacheKey, plan *Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[key]; ok {
		return
	}
	if c.entries == nil {
		c.entries = map[cacheKey]*list.Element{}
	}
	c.entries[key] = c.order.PushFront(&cacheEntry{key, plan})
	c.weight += plan.Weight()
	for c.order.Len() > c.capacity || c.weight > c.bytes {
		last := c.order.Remove(c.order.Back()).(*cacheEntry)
		delete(c.entries, last.key)
		c.weight -= last.plan.Weight()
	}
}
