package gate

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"chaisqld/pgerr"
)

// Intervals from text: "1 year 2 mons -3 days 04:05:06.7 ago", "1-2 3 4:05", ISO 8601's "P1Y2M3DT4H" and what lies between.
// This follows PostgreSQL's own reading step by step, because what it makes of odd texts is not to be guessed.

// unit is what a number counts, and the fields of an interval that are given; seconds may be with or without a fraction.
type unit uint16

const (
	millenniumUnit unit = 1 << iota
	centuryUnit
	decadeUnit
	yearUnit
	monthUnit
	weekUnit
	dayUnit
	hourUnit
	minuteUnit
	secondUnit
	millisecondUnit
	microsecondUnit
	noUnit unit = 0

	anySecond = secondUnit | millisecondUnit | microsecondUnit
	anyTime   = hourUnit | minuteUnit | anySecond
)

// unitWords are the names of units, of which PostgreSQL compares ten characters.
var unitWords = map[string]unit{
	"c": centuryUnit, "cent": centuryUnit, "centuries": centuryUnit, "century": centuryUnit, "d": dayUnit, "day": dayUnit, "days": dayUnit, "dec": decadeUnit, "decade": decadeUnit, "decades": decadeUnit,
	"decs": decadeUnit, "h": hourUnit, "hour": hourUnit, "hours": hourUnit, "hr": hourUnit, "hrs": hourUnit, "m": minuteUnit, "microsecon": microsecondUnit, "mil": millenniumUnit, "millennia": millenniumUnit,
	"millennium": millenniumUnit, "millisecon": millisecondUnit, "mils": millenniumUnit, "min": minuteUnit, "mins": minuteUnit, "minute": minuteUnit, "minutes": minuteUnit, "mon": monthUnit, "mons": monthUnit,
	"month": monthUnit, "months": monthUnit, "ms": millisecondUnit, "msec": millisecondUnit, "mseconds": millisecondUnit, "msecs": millisecondUnit, "s": secondUnit, "sec": secondUnit, "second": secondUnit,
	"seconds": secondUnit, "secs": secondUnit, "us": microsecondUnit, "usec": microsecondUnit, "useconds": microsecondUnit, "usecs": microsecondUnit, "w": weekUnit, "week": weekUnit, "weeks": weekUnit,
	"y": yearUnit, "year": yearUnit, "years": yearUnit, "yr": yearUnit, "yrs": yearUnit,
}

// otherUnits are words for units that no interval is counted in, though one may stand behind what is.
var otherUnits = map[string]bool{"qtr": true, "quarter": true, "timezone": true, "timezone_h": true, "timezone_m": true}

const comparedCharacters = 10

// badInterval says why a text is none; the zero value that it is one.
type badInterval uint8

const (
	malformedInterval badInterval = 1 + iota
	oversizedInterval
)

// parseInterval reads a text. The fields say what the last number counts if no word does, and what is left out in the end.
func parseInterval(s string, fields intervalFields) (any, error) {
	value, bad := verboseInterval(s, fields)
	if bad == malformedInterval {
		value, bad = isoInterval(s)
	}
	if bad == 0 {
		span, err := value.span()
		if err != nil {
			return nil, err
		}
		return fields.apply(span), nil
	}
	if bad == oversizedInterval {
		return nil, pgerr.New("22015", "interval field value out of range: \"%s\"", shorten(s))
	}
	return nil, pgerr.New(invalidDatetimeFormat, "invalid input syntax for type interval: \"%s\"", shorten(s)).
		WithHint("Write it as 1 day 02:03:04.5, or P1DT2H3M4.5S.")
}

// spanParts add up to a span.
type spanParts struct {
	years, months, days int32
	micros              int64
}

func (p *spanParts) span() (Span, error) {
	months := int64(p.years)*monthsPerYear + int64(p.months)
	if months != int64(int32(months)) {
		return Span{}, intervalOutOfRange()
	}
	return Span{int32(months), p.days, p.micros}, nil
}

// verboseInterval reads from the end, so that a unit is known before its number.
func verboseInterval(s string, fields intervalFields) (spanParts, badInterval) {
	tokens, ok := intervalTokens(s)
	if !ok {
		return spanParts{}, malformedInterval
	}
	r := spanReader{fields: fields}
	for _, t := range slices.Backward(tokens) {
		if bad := r.take(t); bad != 0 {
			return spanParts{}, bad
		}
	}
	switch {
	case r.seen == 0:
		return spanParts{}, malformedInterval
	case r.ago && !r.negate():
		return spanParts{}, oversizedInterval
	}
	return r.spanParts, 0
}

// spanReader gathers the parts of a span.
type spanReader struct {
	spanParts
	fields intervalFields
	unit   unit // of the next number
	other  bool // it is one that there are none of
	seen   unit
	ago    bool
}

func (r *spanReader) take(t intervalToken) badInterval {
	switch t.kind {
	case intervalClock:
		return r.clock(t.text)
	case intervalWord:
		return r.word(t.text)
	case intervalSigned:
		if micros, bad := clockMicros(t.text[1:], r.fields); strings.Contains(t.text, ":") && bad == 0 {
			if t.text[0] == '-' {
				micros = -micros
			}
			return r.time(micros)
		}
	}
	return r.number(t.text)
}

func (r *spanReader) word(word string) badInterval {
	word = word[:min(len(word), comparedCharacters)]
	found, known := unitWords[word]
	switch {
	case word == "ago":
		r.ago = true
	case !known && !otherUnits[word]:
		return malformedInterval
	}
	r.unit, r.other = found, !known
	return 0
}

// given notes that fields are there, which may be so once.
func (r *spanReader) given(fields unit) badInterval {
	if r.seen&fields != 0 {
		return malformedInterval
	}
	r.seen |= fields
	return 0
}

func (r *spanReader) clock(text string) badInterval {
	micros, bad := clockMicros(text, r.fields)
	if bad != 0 {
		return bad
	}
	return r.time(micros)
}

// time takes hours, minutes and seconds. A number before them counts days.
func (r *spanReader) time(micros int64) badInterval {
	r.micros, r.unit, r.other = micros, dayUnit, false
	return r.given(anyTime)
}

// number takes "5", "-1.5", or years and months as "1-2".
func (r *spanReader) number(text string) badInterval {
	if r.unit == noUnit && !r.other {
		r.unit = r.fields.last()
	}
	n, rest, ok := leadingInt(text)
	if !ok {
		return oversizedInterval
	}
	fraction := 0.0
	switch {
	case strings.HasPrefix(rest, "-"):
		months, after, ok := leadingInt(rest[1:])
		switch {
		case !ok || months < 0 || months >= monthsPerYear:
			return oversizedInterval
		case after != "":
			return malformedInterval
		}
		if text[0] == '-' {
			months = -months
		}
		r.unit = monthUnit
		if n, ok = multiplied(n, monthsPerYear); !ok || !addTo(&n, months) {
			return oversizedInterval
		}
	case strings.HasPrefix(rest, "."):
		if fraction, ok = parseFraction(rest); !ok {
			return malformedInterval
		}
		if text[0] == '-' {
			fraction = -fraction
		}
	case rest != "":
		return malformedInterval
	}
	return r.count(n, fraction)
}

// count adds so many of the unit.
func (r *spanReader) count(n int64, fraction float64) badInterval {
	fields, ok := r.unit, true
	switch r.unit {
	case microsecondUnit:
		ok = r.addMicros(n, fraction, 1)
	case millisecondUnit:
		ok = r.addMicros(n, fraction, 1000)
	case secondUnit:
		ok = r.addMicros(n, fraction, microsPerSecond)
		if fraction != 0 {
			fields = anySecond
		}
	case minuteUnit:
		ok = r.addMicros(n, fraction, microsPerMinute)
	case hourUnit:
		ok = r.addMicros(n, fraction, microsPerHour)
		r.unit = dayUnit
	case dayUnit:
		ok = r.addDays(n, 1) && r.addFraction(fraction, microsPerDay)
	case weekUnit:
		ok = r.addDays(n, 7) && r.addDayFraction(fraction, 7)
	case monthUnit:
		ok = r.addMonths(n) && r.addDayFraction(fraction, daysPerMonth)
	case yearUnit:
		ok = r.addYears(n, fraction, 1)
	case decadeUnit:
		ok = r.addYears(n, fraction, 10)
	case centuryUnit:
		ok = r.addYears(n, fraction, 100)
	case millenniumUnit:
		ok = r.addYears(n, fraction, 1000)
	default:
		return malformedInterval
	}
	if !ok {
		return oversizedInterval
	}
	return r.given(fields)
}

func (p *spanParts) addMicros(n int64, fraction float64, scale int64) bool {
	micros, ok := multiplied(n, scale)
	return ok && addTo(&p.micros, micros) && p.addFraction(fraction, scale)
}

// addFraction adds less than one of what has so many microseconds.
func (p *spanParts) addFraction(fraction float64, scale int64) bool {
	exact := float64(fraction * float64(scale))
	micros := int64(exact)
	switch rest := exact - float64(micros); {
	case rest > 0.5:
		micros++
	case rest < -0.5:
		micros--
	}
	return addTo(&p.micros, micros)
}

func (p *spanParts) addDays(n, scale int64) bool {
	return n == int64(int32(n)) && n*scale == int64(int32(n*scale)) && addTo32(&p.days, n*scale)
}

// addDayFraction adds less than one of what has so many days.
func (p *spanParts) addDayFraction(fraction, scale float64) bool {
	exact := float64(fraction * scale)
	days := math.Trunc(exact)
	return addTo32(&p.days, int64(days)) && p.addFraction(exact-days, microsPerDay)
}

func (p *spanParts) addMonths(n int64) bool { return n == int64(int32(n)) && addTo32(&p.months, n) }

// addYears rounds a fraction to months.
func (p *spanParts) addYears(n int64, fraction float64, scale int64) bool {
	months := math.RoundToEven(fraction * float64(scale) * monthsPerYear)
	return n == int64(int32(n)) && n*scale == int64(int32(n*scale)) && addTo32(&p.years, n*scale) && addTo32(&p.months, int64(months))
}

func (p *spanParts) negate() bool {
	if p.years == math.MinInt32 || p.months == math.MinInt32 || p.days == math.MinInt32 || p.micros == math.MinInt64 {
		return false
	}
	p.years, p.months, p.days, p.micros = -p.years, -p.months, -p.days, -p.micros
	return true
}

// clockMicros reads h:mm, h:mm:ss, h:mm:ss.f or m:ss.f.
func clockMicros(text string, fields intervalFields) (int64, badInterval) {
	hours, rest, ok := leadingInt(text)
	if !ok {
		return 0, oversizedInterval
	}
	if rest == "" || rest[0] != ':' {
		return 0, malformedInterval
	}
	minutes, rest, ok := leadingInt(rest[1:])
	if !ok || minutes != int64(int32(minutes)) {
		return 0, oversizedInterval
	}
	var seconds int64
	shift := rest == "" && fields.minutesAndSeconds() || strings.HasPrefix(rest, ".")
	if strings.HasPrefix(rest, ":") {
		if seconds, rest, ok = leadingInt(rest[1:]); !ok || seconds != int64(int32(seconds)) {
			return 0, oversizedInterval
		}
	}
	fraction := 0.0
	if strings.HasPrefix(rest, ".") {
		if fraction, ok = parseFraction(rest); !ok {
			return 0, malformedInterval
		}
		rest = ""
	}
	if rest != "" {
		return 0, malformedInterval
	}
	if shift {
		if hours != int64(int32(hours)) {
			return 0, oversizedInterval
		}
		hours, minutes, seconds = 0, hours, minutes
	}
	return clockSum(hours, minutes, seconds, int64(math.RoundToEven(fraction*microsPerSecond)))
}

func clockSum(hours, minutes, seconds, micros int64) (int64, badInterval) {
	if hours < 0 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60 {
		return 0, oversizedInterval
	}
	sum, ok := multiplied(hours, microsPerHour)
	if !ok || !addTo(&sum, minutes*microsPerMinute+seconds*microsPerSecond+micros) {
		return 0, oversizedInterval
	}
	return sum, 0
}

// leadingInt takes a number with a sign off the front; ok is false if it is too large. Without one it is 0.
func leadingInt(s string) (n int64, rest string, ok bool) {
	length := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		length = 1
	}
	start := length
	for length < len(s) && s[length] >= '0' && s[length] <= '9' {
		length++
	}
	if length == start {
		return 0, s, true
	}
	n, err := strconv.ParseInt(s[:length], 10, 64)
	return n, s[length:], err == nil
}

// parseFraction reads ".5", or a point alone.
func parseFraction(s string) (float64, bool) {
	if s == "." {
		return 0, true
	}
	if strings.Trim(s[1:], "0123456789") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat("0"+s, 64)
	return f, err == nil
}

// multiplied is n × scale with a scale above 0; ok is false where that has no place.
func multiplied(n, scale int64) (product int64, ok bool) {
	product = n * scale
	return product, product/scale == n
}

func addTo(sum *int64, n int64) bool {
	before := *sum
	*sum += n
	return (*sum < before) == (n < 0)
}

func addTo32(sum *int32, n int64) bool {
	wide := int64(*sum) + n
	*sum = int32(wide)
	return wide == int64(*sum)
}
