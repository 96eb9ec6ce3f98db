package wire

import (
	"strconv"
	"strings"
	"time"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

const invalidDatetimeFormat = "22007"

// parseTimestamp reads ISO 8601 as PostgreSQL does: date and time parted by a
// blank or T, a fraction that is rounded to microseconds, and an offset, which
// a timestamp without time zone ignores.
func parseTimestamp(s string, t gate.Type) (any, error) {
	p := timestampParser{rest: strings.TrimSpace(s)}
	switch strings.ToLower(p.rest) {
	case "infinity", "+infinity", "-infinity":
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "%s out of range: infinity is not supported", t.Name)
	}
	value, ok := p.timestamp()
	if !ok {
		return nil, pgerr.New(invalidDatetimeFormat, "invalid input syntax for type %s: %q", t.Name, shorten([]byte(s))).
			WithHint("Write it as 2025-01-31 23:59:59.999999.")
	}
	if p.overflow {
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "date/time field value out of range: %q", shorten([]byte(s)))
	}
	if t == gate.Timestamptz {
		value = value.Add(-p.zone)
	}
	return value, nil
}

// timestampParser takes fields off the front of rest.
type timestampParser struct {
	rest     string
	zone     time.Duration
	overflow bool // well formed, but not a time that exists
}

func (p *timestampParser) timestamp() (time.Time, bool) {
	year, ok1 := p.digits(4, 5)
	month, ok2 := p.after('-')
	day, ok3 := p.after('-')
	if !(ok1 && ok2 && ok3) {
		return time.Time{}, false
	}
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	p.overflow = year == 0 || date.Month() != time.Month(month) || date.Day() != day
	clock, ok := p.clock()
	return date.Add(clock), ok && p.offset() && p.rest == ""
}

// clock reads what may follow the date: hours, minutes, and perhaps seconds.
func (p *timestampParser) clock() (time.Duration, bool) {
	if p.rest == "" || !strings.ContainsRune(" Tt", rune(p.rest[0])) {
		return 0, true
	}
	p.rest = strings.TrimLeft(p.rest[1:], " ")
	hour, ok1 := p.digits(1, 2)
	minute, ok2 := p.after(':')
	second, fraction, ok3 := 0, time.Duration(0), true
	if strings.HasPrefix(p.rest, ":") {
		if second, ok3 = p.after(':'); ok3 {
			fraction, ok3 = p.fraction()
		}
	}
	p.overflow = p.overflow || hour > 24 || minute > 59 || second > 60 || hour == 24 && (minute > 0 || second > 0 || fraction > 0)
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + fraction, ok1 && ok2 && ok3
}

// fraction reads ".123…", rounded to microseconds.
func (p *timestampParser) fraction() (time.Duration, bool) {
	if !strings.HasPrefix(p.rest, ".") {
		return 0, true
	}
	end := 1
	for end < len(p.rest) && isDigit(p.rest[end]) {
		end++
	}
	f, err := strconv.ParseFloat("0"+p.rest[:end]+"0", 64)
	p.rest = p.rest[end:]
	return time.Duration(f*1e6+0.5) * time.Microsecond, err == nil
}

// offset reads nothing, Z, UTC, GMT or ±hh[[:]mm].
func (p *timestampParser) offset() bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	switch strings.ToUpper(p.rest) {
	case "", "Z", "UTC", "GMT":
		p.rest = ""
		return true
	}
	sign := time.Duration(1)
	switch p.rest[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return false
	}
	p.rest = p.rest[1:]
	hours, ok := p.digits(1, 2)
	minutes := 0
	if ok && p.rest != "" {
		p.rest = strings.TrimPrefix(p.rest, ":")
		minutes, ok = p.digits(2, 2)
	}
	p.zone = sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
	p.overflow = p.overflow || hours > 15 || minutes > 59
	return ok
}

// after reads a separator and the one or two digits that follow it.
func (p *timestampParser) after(separator byte) (int, bool) {
	if p.rest == "" || p.rest[0] != separator {
		return 0, false
	}
	p.rest = p.rest[1:]
	return p.digits(1, 2)
}

func (p *timestampParser) digits(least, most int) (int, bool) {
	n := 0
	for n < len(p.rest) && n < most && isDigit(p.rest[n]) {
		n++
	}
	if n < least {
		return 0, false
	}
	value, err := strconv.Atoi(p.rest[:n])
	p.rest = p.rest[n:]
	return value, err == nil
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
