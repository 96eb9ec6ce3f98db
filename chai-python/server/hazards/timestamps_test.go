package hazards

import (
	"strings"
	"testing"
	"time"
)

func year(n int) time.Time { return time.Date(n, 6, 1, 0, 0, 0, 0, time.UTC) }

func TestFarTimestampsPanic(t *testing.T) {
	db := open(t, ":memory:")
	text := panics(func() { _, _ = read(db, "SELECT token FROM sessions WHERE expiry < $1", year(294_220)) })
	fault(t, strings.Contains(text, "out of range"), "panics on a timestamp far away", "engine/values.go and gate/assign.go")
}

func TestFartherTimestampsWrap(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "a", year(300_000))
	got := query(t, db, "SELECT expiry FROM sessions")
	t.Logf("the year 300000 is stored as %s", got)
	fault(t, strings.HasPrefix(got, "-"), "stores a timestamp very far away as another one", "engine/values.go and gate/assign.go")
}

func TestEmptyStringIsATimestamp(t *testing.T) {
	db := open(t, ":memory:")
	run(t, db, "INSERT INTO sessions VALUES ('empty', '', ''), ('now', '', 'now')")
	got := query(t, db, "SELECT expiry FROM sessions WHERE token = 'empty'")
	fault(t, strings.HasPrefix(got, "0001-01-01"), "takes an empty string for a timestamp", "gate/timestamp.go")
}
