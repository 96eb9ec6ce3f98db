package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"
)

// The sessions' table and statements are the store's own, the same text for every server.

const schema = `CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)`
const index = `CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)`

const (
	oidBytea     = 17
	oidText      = 25
	oidTimestamp = 1114

	tokenBytes     = 43 // base64url of 32 bytes
	timestampBytes = 8
	lifetime       = 24 * time.Hour
)

// statement is one kind of operation: what it asks, and what the client sees when it was done.
type statement struct {
	name, sql string
	types     []uint32
	sizes     func(data int) []int
	fill      func(r *request, s *session, fresh []byte, expiry int64)
	tag       string // of success
	writes    bool
}

var save = &statement{
	name:  "save",
	sql:   `UPDATE sessions SET data = $1, expiry = $2 WHERE token = $3 AND data = $4 AND expiry > now()`,
	types: []uint32{oidBytea, oidTimestamp, oidText, oidBytea},
	sizes: func(data int) []int { return []int{data, timestampBytes, tokenBytes, data} },
	fill: func(r *request, s *session, fresh []byte, expiry int64) {
		copy(r.params[0], fresh)
		binary.BigEndian.PutUint64(r.params[1], uint64(expiry))
		copy(r.params[2], s.token)
		copy(r.params[3], s.data)
	},
	tag: "UPDATE 1", writes: true,
}

var upsert = &statement{
	name: "upsert",
	sql: `INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3)
ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry`,
	types: []uint32{oidText, oidBytea, oidTimestamp},
	sizes: func(data int) []int { return []int{tokenBytes, data, timestampBytes} },
	fill: func(r *request, s *session, fresh []byte, expiry int64) {
		copy(r.params[0], s.token)
		copy(r.params[1], fresh)
		binary.BigEndian.PutUint64(r.params[2], uint64(expiry))
	},
	tag: "INSERT 0 1", writes: true,
}

var find = &statement{
	name:  "find",
	sql:   `SELECT data, expiry FROM sessions WHERE token = $1 AND expiry > now()`,
	types: []uint32{oidText},
	sizes: func(int) []int { return []int{tokenBytes} },
	fill:  func(r *request, s *session, _ []byte, _ int64) { copy(r.params[0], s.token) },
	tag:   "SELECT 1",
}

// scan tells what the sessions' data are before the run, page by page.
var scan = &statement{
	name:  "scan",
	sql:   "SELECT token, data FROM sessions WHERE token > $1 ORDER BY token LIMIT " + strconv.Itoa(page),
	types: find.types, sizes: find.sizes, fill: find.fill,
}

// modes are the kinds of operations that a client mixes.
var modes = map[string][]*statement{"save": {save}, "upsert": {upsert}, "find": {find}, "mixed": {find, save}}

// session is a row as its client knows it. No other client changes it, so a compare-and-swap always succeeds.
type session struct {
	token string
	data  []byte // nil: not in the table yet
}

// newSessions gives the rows their keys: hashes, as the store's are.
func newSessions(n int) []session {
	list := make([]session, n)
	for i := range list {
		hash := sha256.Sum256([]byte(strconv.Itoa(i)))
		list[i].token = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	return list
}

// timestamps start in 2000 in PostgreSQL's binary format, and count microseconds.
var timestampZero = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// clock gives expiries that are all different: an index whose keys are equal would be another thing to measure.
type clock struct{ last int64 }

func (c *clock) expiry(now time.Time) int64 {
	c.last = max(c.last+1, now.Add(lifetime).UnixMicro()-timestampZero)
	return c.last
}
