package gate

import (
	"math"
	"strconv"
	"strings"
)

// isoInterval reads ISO 8601's durations: P1Y2M3DT4H5M6.5S, P2025-01-31T01:02:03 and P20250131T010203.
func isoInterval(s string) (spanParts, badInterval) {
	rest, found := strings.CutPrefix(s, "P")
	if !found || rest == "" {
		return spanParts{}, malformedInterval
	}
	r := isoReader{rest: rest}
	for part := r.date; r.rest != "" && r.bad == 0; {
		if r.accept('T') {
			part, r.given = r.time, false
			continue
		}
		part()
	}
	return r.spanParts, r.bad
}

// isoReader takes designated numbers off the front of rest.
type isoReader struct {
	spanParts
	rest  string
	given bool // a number of this part
	bad   badInterval
}

func (r *isoReader) accept(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// check notes that a number was too large.
func (r *isoReader) check(ok bool) {
	if !ok && r.bad == 0 {
		r.bad = oversizedInterval
	}
}

// number takes a number, cut into its whole part and its fraction; whole digits is how many there are before a point.
func (r *isoReader) number() (n int64, fraction float64, wholeDigits int) {
	length := floatLength(r.rest)
	f, err := strconv.ParseFloat(r.rest[:length], 64)
	switch {
	case err != nil || r.rest[0] == '+' || tiny(f, r.rest[:length]):
		r.bad = malformedInterval
		return 0, 0, 0
	case !(f >= -1e15 && f <= 1e15):
		r.bad = oversizedInterval
		return 0, 0, 0
	}
	wholeDigits = spanOf(strings.TrimPrefix(r.rest, "-"), digitBytes)
	r.rest = r.rest[length:]
	whole := math.Trunc(f)
	return int64(whole), f - whole, wholeDigits
}

// tiny tells what C refuses because a float cannot hold it in full.
func tiny(f float64, text string) bool {
	const smallestNormal = 0x1p-1022
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return math.Abs(f) < smallestNormal && strings.ContainsAny(mantissa, "123456789")
}

// floatLength is how long the number is that a text begins with, as C's strtod sees it, hexadecimal ones left out.
func floatLength(s string) int {
	length := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		length = 1
	}
	whole := spanOf(s[length:], digitBytes)
	length += whole
	fraction := 0
	if length < len(s) && s[length] == '.' {
		fraction = spanOf(s[length+1:], digitBytes)
		length += 1 + fraction
	}
	if whole+fraction == 0 {
		return 0
	}
	if length < len(s) && (s[length] == 'e' || s[length] == 'E') {
		exponent := length + 1
		if exponent < len(s) && (s[exponent] == '-' || s[exponent] == '+') {
			exponent++
		}
		if n := spanOf(s[exponent:], digitBytes); n > 0 {
			length = exponent + n
		}
	}
	return length
}

// date takes one number of the part before T, or all of them where they have no designators.
func (r *isoReader) date() {
	n, fraction, wholeDigits := r.number()
	if r.bad != 0 {
		return
	}
	switch {
	case r.accept('Y'):
		r.check(r.addYears(n, fraction, 1))
	case r.accept('M'):
		r.check(r.addMonths(n) && r.addDayFraction(fraction, daysPerMonth))
	case r.accept('W'):
		r.check(r.addDays(n, 7) && r.addDayFraction(fraction, 7))
	case r.accept('D'):
		r.check(r.addDays(n, 1) && r.addFraction(fraction, microsPerDay))
	case r.ended() && wholeDigits == len("20250131") && !r.given:
		r.check(r.addYears(n/10000, 0, 1) && r.addMonths(n/100%100) && r.addDays(n%100, 1) && r.addFraction(fraction, microsPerDay))
		return
	case (r.ended() || r.rest[0] == '-') && !r.given:
		r.check(r.addYears(n, fraction, 1))
		r.dashes()
		return
	default:
		r.bad = malformedInterval
	}
	r.given = true
}

// ended says whether the part before T is over.
func (r *isoReader) ended() bool { return r.rest == "" || r.rest[0] == 'T' }

// dashes takes "-month-day" behind a year, or less of it.
func (r *isoReader) dashes() {
	if r.bad != 0 || !r.accept('-') {
		return
	}
	n, fraction, _ := r.number()
	if r.bad != 0 {
		return
	}
	r.check(r.addMonths(n) && r.addDayFraction(fraction, daysPerMonth))
	if r.bad != 0 || r.ended() {
		return
	}
	if !r.accept('-') {
		r.bad = malformedInterval
		return
	}
	n, fraction, _ = r.number()
	if r.bad != 0 {
		return
	}
	if r.check(r.addDays(n, 1) && r.addFraction(fraction, microsPerDay)); r.bad == 0 && !r.ended() {
		r.bad = malformedInterval
	}
}

// time takes one number of the part behind T, or all of them where they have no designators.
func (r *isoReader) time() {
	n, fraction, wholeDigits := r.number()
	if r.bad != 0 {
		return
	}
	switch {
	case r.accept('H'):
		r.check(r.addMicros(n, fraction, microsPerHour))
	case r.accept('M'):
		r.check(r.addMicros(n, fraction, microsPerMinute))
	case r.accept('S'):
		r.check(r.addMicros(n, fraction, microsPerSecond))
	case r.rest == "" && wholeDigits == len("010203") && !r.given:
		r.check(r.addMicros(n/10000, 0, microsPerHour) && r.addMicros(n/100%100, 0, microsPerMinute) && r.addMicros(n%100, 0, microsPerSecond) && r.addFraction(fraction, 1))
	case (r.rest == "" || r.rest[0] == ':') && !r.given:
		r.check(r.addMicros(n, fraction, microsPerHour))
		r.colons()
		return
	default:
		r.bad = malformedInterval
	}
	r.given = true
}

// colons takes ":minutes:seconds" behind hours, or less of it.
func (r *isoReader) colons() {
	for _, scale := range []int64{microsPerMinute, microsPerSecond} {
		if r.bad != 0 || r.rest == "" {
			return
		}
		if !r.accept(':') {
			r.bad = malformedInterval
			return
		}
		n, fraction, _ := r.number()
		if r.bad == 0 {
			r.check(r.addMicros(n, fraction, scale))
		}
	}
	if r.bad == 0 && r.rest != "" {
		r.bad = malformedInterval
	}
}
