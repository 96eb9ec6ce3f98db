package gate

import (
	"math"
	"strconv"
	"strings"
	"time"

	"chaisqld/pgerr"
)

// Timestamps are microseconds in UTC. The session's time zone is always UTC, so a timestamp with time zone and one without
// are the same instant.

// The span of timestamps that Chai keeps and orders rightly.
var (
	earliestTimestamp = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	latestTimestamp   = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

// invalidDatetimeFormat is SQLSTATE 22007, datetimeOverflow 22008.
const invalidDatetimeFormat = "22007"

func microseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// parseTimestamp reads ISO 8601 as PostgreSQL does: date and time parted by a space or T, fraction rounded to microseconds,
// and an offset, which a timestamp without time zone ignores.
func parseTimestamp(s string, zoned bool) (time.Time, error) {
	bad := func() (time.Time, error) {
		kind := "timestamp"
		if zoned {
			kind = "timestamp with time zone"
		}
		return time.Time{}, pgerr.New(invalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", kind, shorten(s)).
			WithHint("Write it as 2025-01-31 23:59:59.999999, in UTC.")
	}
	r := dateReader{rest: strings.TrimSpace(s)}
	year, month, day := r.number(4, 4), r.after('-', 2), r.after('-', 2)
	var hour, minute, second, micros int
	if r.rest != "" && (r.rest[0] == ' ' || r.rest[0] == 'T' || r.rest[0] == 't') {
		r.rest = strings.TrimLeft(r.rest[1:], " ")
		hour, minute = r.number(1, 2), r.after(':', 2)
		if strings.HasPrefix(r.rest, ":") {
			second = r.after(':', 2)
			micros = r.fraction()
		}
	}
	offset := r.offset()
	if r.bad || r.rest != "" || year < 1 {
		return bad()
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day || hour > 24 || minute > 59 || second > 60 || hour == 24 && minute+second+micros > 0 {
		return time.Time{}, pgerr.New(pgerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", shorten(s))
	}
	t = t.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(micros)*time.Microsecond)
	if zoned {
		t = t.Add(-offset)
	}
	return t, nil
}

// dateReader takes numbers off the front of rest and remembers that something did not fit.
type dateReader struct {
	rest string
	bad  bool
}

func (r *dateReader) number(shortest, longest int) int {
	length := 0
	for length < len(r.rest) && length < longest && r.rest[length] >= '0' && r.rest[length] <= '9' {
		length++
	}
	if length < shortest {
		r.bad = true
		return 0
	}
	n, _ := strconv.Atoi(r.rest[:length])
	r.rest = r.rest[length:]
	return n
}

// after takes a separator and a number of one or more digits.
func (r *dateReader) after(separator byte, longest int) int {
	if r.rest == "" || r.rest[0] != separator {
		r.bad = true
		return 0
	}
	r.rest = r.rest[1:]
	return r.number(1, longest)
}

// fraction takes ".123456…" in microseconds, rounded.
func (r *dateReader) fraction() int {
	if !strings.HasPrefix(r.rest, ".") {
		return 0
	}
	digits := r.rest[1:]
	digits = digits[:len(digits)-len(strings.TrimLeft(digits, "0123456789"))]
	r.rest = r.rest[1+len(digits):]
	f, err := strconv.ParseFloat("0."+digits+"0", 64)
	r.bad = r.bad || err != nil
	return int(math.RoundToEven(f * 1e6))
}

// offset takes nothing, Z, UTC or ±hh[[:]mm].
func (r *dateReader) offset() time.Duration {
	r.rest = strings.TrimLeft(r.rest, " ")
	switch strings.ToUpper(r.rest) {
	case "", "Z", "UTC", "GMT":
		r.rest = ""
		return 0
	}
	sign := time.Duration(1)
	switch r.rest[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0 // rest stays and is refused
	}
	r.rest = r.rest[1:]
	hours, minutes := r.number(2, 2), 0
	if r.rest != "" {
		r.rest = strings.TrimPrefix(r.rest, ":")
		minutes = r.number(2, 2)
	}
	r.bad = r.bad || hours > 15 || minutes > 59
	return sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
}

// formatTimestamp writes a timestamp as PostgreSQL's ISO style does.
func formatTimestamp(t time.Time, zoned bool) string {
	s := t.UTC().Format("2006-01-02 15:04:05.999999")
	if zoned {
		s += "+00"
	}
	return s
}

// shorten keeps a value that is quoted in a message short.
func shorten(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
