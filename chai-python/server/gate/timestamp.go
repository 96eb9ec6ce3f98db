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

const (
	invalidDatetimeFormat = "22007"
	invalidDisplacement   = "22009"
)

func microseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// parseTimestamp reads ISO 8601 as PostgreSQL does: date and time parted by a space or T, fraction rounded to microseconds,
// and an offset, which a timestamp without time zone ignores.
func parseTimestamp(s string, t Type) (any, error) {
	r := dateReader{rest: trimSpace(s)}
	if isInfinity(r.rest) {
		return nil, noInfinity(t)
	}
	r.era()
	value := r.date().Add(r.clock())
	offset := r.offset()
	if err := r.failure(s, t); err != nil {
		return nil, err
	}
	if t == Timestamptz {
		value = value.Add(-offset)
	}
	if checkTimestamp(value) != nil {
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", shorten(s))
	}
	return value, nil
}

func isInfinity(s string) bool {
	s = strings.ToLower(s)
	return s == "infinity" || s == "+infinity" || s == "-infinity"
}

func noInfinity(t Type) error {
	return pgerr.New(pgerr.DatetimeFieldOverflow, "%s out of range: infinity is not supported", t.Name)
}

// failure says what did not fit.
func (r *dateReader) failure(s string, t Type) error {
	switch {
	case r.bad || r.rest != "":
		return pgerr.New(invalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", strings.TrimSuffix(t.Name, " without time zone"), shorten(s)).
			WithHint("Write it as 2025-01-31 23:59:59.999999, in UTC.")
	case r.displaced:
		return pgerr.New(invalidDisplacement, "time zone displacement out of range: \"%s\"", shorten(s))
	case r.overflow:
		return pgerr.New(pgerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", shorten(s))
	}
	return nil
}

// dateReader takes numbers off the front of rest and remembers that something did not fit.
type dateReader struct {
	rest      string
	ago       bool // years count back from the year 1
	bad       bool // not a date and time at all
	overflow  bool // well formed, but no time that exists
	displaced bool // farther from UTC than any place
}

// era takes BC or AD off the end.
func (r *dateReader) era() {
	at := len(r.rest) - len("BC")
	if at < 1 || isLetter(r.rest[at-1]) {
		return
	}
	switch strings.ToUpper(r.rest[at:]) {
	case "BC":
		r.ago = true
	case "AD":
	default:
		return
	}
	r.rest = trimSpace(r.rest[:at])
}

func (r *dateReader) date() time.Time {
	year, month, day := r.number(4, 7), r.after('-', 2), r.after('-', 2)
	if r.ago && year > 0 { // there is no year 0: 1 BC is the year before 1
		year = 1 - year
	} else if year == 0 {
		r.overflow = true
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	r.overflow = r.overflow || t.Month() != time.Month(month) || t.Day() != day
	return t
}

// clock takes what may follow the date: hours, minutes, and perhaps seconds.
func (r *dateReader) clock() time.Duration {
	if r.rest == "" || !strings.ContainsRune(" Tt", rune(r.rest[0])) {
		return 0
	}
	r.rest = strings.TrimLeft(r.rest[1:], " ")
	hour, minute := r.number(1, 2), r.after(':', 2)
	var second, micros int
	if strings.HasPrefix(r.rest, ":") {
		second = r.after(':', 2)
		micros = r.fraction()
	}
	r.overflow = r.overflow || hour > 24 || minute > 59 || second > 60 || hour == 24 && minute+second+micros > 0
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(micros)*time.Microsecond
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
	hours, minutes := r.number(1, 2), 0
	if r.rest != "" {
		r.rest = strings.TrimPrefix(r.rest, ":")
		minutes = r.number(2, 2)
	}
	r.displaced = hours > 15 || minutes > 59
	return sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
}

// shorten keeps a value that is quoted in a message short.
func shorten(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// The span of timestamps that PostgreSQL knows, and expressions have.
var (
	firstTimestamp = time.Date(-4713, 11, 24, 0, 0, 0, 0, time.UTC)
	endTimestamp   = time.Date(294277, 1, 1, 0, 0, 0, 0, time.UTC)
)

func checkTimestamp(t time.Time) error {
	if t.Before(firstTimestamp) || !t.Before(endTimestamp) {
		return timestampOutOfRange()
	}
	return nil
}

func timestampOutOfRange() error {
	return pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range")
}

// postgresEpoch is the zero of PostgreSQL's timestamps, in seconds of Unix time.
const postgresEpoch = 946_684_800

// TimestampMicros is a timestamp as PostgreSQL keeps and sends it. Unix time in microseconds would not do for all of them.
func TimestampMicros(t time.Time) int64 {
	return (t.Unix()-postgresEpoch)*microsPerSecond + int64(t.Nanosecond())/1000
}

// TimestampOf is the other way. What PostgreSQL does not take is an error, with infinity among it.
func TimestampOf(micros int64) (time.Time, error) {
	t := time.Unix(micros/microsPerSecond+postgresEpoch, micros%microsPerSecond*1000).UTC()
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		return t, noInfinity(Timestamp)
	}
	return t, checkTimestamp(t)
}
