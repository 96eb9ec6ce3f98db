package engine

// The row cache: stored rows by key, exactly as they are in the newest
// published state. The one writer knows every change, so it brings the cache
// forward when it publishes; a reader of an older state is not served from it.

import "sync"

// rowOverhead is what a cached row weighs besides its key and its bytes.
const rowOverhead = 120

// cachedRow never changes: readers share its bytes.
type cachedRow struct {
	stored []byte
	whole  bool // all its index entries are known to be there
}

// rowCache is bounded: half of what it may hold is young; when that half is
// full it becomes the old one, and what nobody asked for since then is dropped.
type rowCache struct {
	half int // bytes

	mu         sync.Mutex
	of         *generation // the state that the rows are of
	young, old map[string]cachedRow
	bytes      int // of young
}

func newRowCache(bytes int) *rowCache {
	return &rowCache{half: bytes / 2, young: make(map[string]cachedRow)}
}

// get finds a row of the state g.
func (c *rowCache) get(g *generation, key []byte) (cachedRow, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != g {
		return cachedRow{}, false
	}
	return c.find(key)
}

// newest finds a row of the newest published state. Only the writer asks: that
// is the state that its transaction began with.
func (c *rowCache) newest(key []byte) (cachedRow, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(key)
}

func (c *rowCache) find(key []byte) (cachedRow, bool) {
	row, ok := c.young[string(key)]
	if ok {
		return row, true
	}
	if row, ok = c.old[string(key)]; ok {
		c.put(string(key), row)
	}
	return row, ok
}

// add keeps a row that was read in the state g, if that is still the newest.
func (c *rowCache) add(g *generation, key, stored []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == g {
		c.put(string(key), cachedRow{stored: stored})
	}
}

// put replaces what is there; a large row would drive too many others out.
func (c *rowCache) put(key string, row cachedRow) {
	c.drop(key)
	size := len(key) + len(row.stored) + rowOverhead
	if size > c.half/16 {
		return
	}
	if c.bytes+size > c.half {
		c.old, c.young, c.bytes = c.young, make(map[string]cachedRow, len(c.young)), 0
	}
	c.young[key] = row
	c.bytes += size
}

func (c *rowCache) drop(key string) {
	if row, ok := c.young[key]; ok {
		c.bytes -= len(key) + len(row.stored) + rowOverhead
		delete(c.young, key)
	}
	delete(c.old, key)
}

// advance makes the cache one of the state g, which has these changes.
func (c *rowCache) advance(g *generation, changes *rowChanges) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of = g
	if changes.unknown {
		c.young, c.old, c.bytes = make(map[string]cachedRow), nil, 0
		return
	}
	for key, row := range changes.rows {
		if row.stored == nil {
			c.drop(key)
		} else {
			c.put(key, row)
		}
	}
}

// rowChanges is what a write transaction did to rows.
type rowChanges struct {
	rows    map[string]cachedRow // stored is nil where the row was deleted
	unknown bool                 // a statement ran, which may have changed anything
}

// note records a change; what a cache cannot follow is not kept.
func (r *rowChanges) note(key []byte, row cachedRow) {
	if r.unknown {
		return
	}
	if r.rows == nil {
		r.rows = make(map[string]cachedRow)
	}
	r.rows[string(key)] = row
}

// forget gives up following the transaction.
func (r *rowChanges) forget() { r.rows, r.unknown = nil, true }

// cached finds the row under rows.key without Pebble, as the open transaction
// sees it; stored is nil for a row that the transaction deleted.
func (c *conn) cached() (row cachedRow, ok bool) {
	r := &c.rows
	switch {
	case r.cache == nil || r.changes != nil && r.changes.unknown:
		return cachedRow{}, false
	case r.changes == nil:
		return r.cache.get(c.generation, r.key)
	}
	if row, ok = r.changes.rows[string(r.key)]; ok {
		return row, true
	}
	return r.cache.newest(r.key)
}

// remember keeps a row that was read from Pebble.
func (c *conn) remember(stored []byte) {
	r := &c.rows
	switch {
	case r.cache == nil:
	case r.changes == nil:
		r.cache.add(c.generation, r.key, stored)
	case !r.changes.unknown:
		r.cache.addNewest(r.key, stored)
	}
}

// addNewest keeps a row that the writer read and has not changed.
func (c *rowCache) addNewest(key, stored []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(string(key), cachedRow{stored: stored})
}
