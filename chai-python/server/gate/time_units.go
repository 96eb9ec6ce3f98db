package gate

import (
	"time"

	"chaisqld/pgerr"
)

// timeUnit is a field of times and intervals, as EXTRACT and date_trunc name it.
type timeUnit uint8

const (
	_ timeUnit = iota
	microsecondField
	millisecondField
	secondField
	minuteField
	hourField
	dayField
	weekField
	monthField
	quarterField
	yearField
	decadeField
	centuryField
	millenniumField
	dowField
	isodowField
	doyField
	isoyearField
	julianField
	epochField
	zoneField
	zoneHourField
	zoneMinuteField
	reservedField // a word that means a time
)

// unitFields are the fields that have a unit.
var unitFields = map[unit]timeUnit{
	microsecondUnit: microsecondField, millisecondUnit: millisecondField, secondUnit: secondField, minuteUnit: minuteField, hourUnit: hourField, dayUnit: dayField,
	weekUnit: weekField, monthUnit: monthField, yearUnit: yearField, decadeUnit: decadeField, centuryUnit: centuryField, millenniumUnit: millenniumField,
}

// fieldWords are those without; dateFields are what only EXTRACT knows, which looks here last.
var (
	fieldWords = map[string]timeUnit{"qtr": quarterField, "quarter": quarterField, "timezone": zoneField, "timezone_h": zoneHourField, "timezone_m": zoneMinuteField}
	dateFields = map[string]timeUnit{"dow": dowField, "isodow": isodowField, "doy": doyField, "isoyear": isoyearField, "j": julianField, "jd": julianField, "julian": julianField,
		"mm": minuteField, "epoch": epochField, "allballs": reservedField, "infinity": reservedField, "-infinity": reservedField, "now": reservedField, "today": reservedField,
		"tomorrow": reservedField, "yesterday": reservedField}
)

// unitNamed finds a unit that something of a type can be cut to.
func unitNamed(name string, of Type) (timeUnit, error) {
	word := lowerASCII(name)
	word = word[:min(len(word), comparedCharacters)]
	if u, known := unitWords[word]; known {
		return unitFields[u], nil
	}
	if u, known := fieldWords[word]; known {
		return u, nil
	}
	return 0, pgerr.New(pgerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", shorten(name), of.Name)
}

// fieldNamed finds a field that can be taken out of something of a type.
func fieldNamed(name string, of Type) (timeUnit, error) {
	u, err := unitNamed(name, of)
	if err == nil {
		return u, nil
	}
	word := lowerASCII(name)
	if u, known := dateFields[word[:min(len(word), comparedCharacters)]]; known {
		return u, nil
	}
	return 0, err
}

func unitUnsupported(name string, of Type) error {
	return pgerr.New(pgerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", shorten(name), of.Name)
}

// truncated cuts a time to a unit.
func truncated(t time.Time, u timeUnit) (result time.Time, ok bool) {
	t = t.UTC()
	year, month, day := t.Date()
	clock := t.Sub(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	if u > dayField {
		year, month, day, ok = truncatedDate(t, u)
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), ok
	}
	to, ok := map[timeUnit]time.Duration{microsecondField: time.Microsecond, millisecondField: time.Millisecond, secondField: time.Second, minuteField: time.Minute,
		hourField: time.Hour, dayField: 24 * time.Hour}[u]
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(clock.Truncate(to)), ok
}

func truncatedDate(t time.Time, u timeUnit) (year int, month time.Month, day int, ok bool) {
	year, month, _ = t.Date()
	switch u {
	case weekField:
		year, month, day = t.AddDate(0, 0, -int(t.Weekday()+6)%7).Date()
		return year, month, day, true
	case monthField:
		return year, month, 1, true
	case quarterField:
		return year, (month-1)/3*3 + 1, 1, true
	case yearField:
	case decadeField:
		year = decadeOf(year) * 10
	case centuryField:
		year = firstOf(centuryOf(year), 100)
	case millenniumField:
		year = firstOf(millenniumOf(year), 1000)
	default:
		return 0, 0, 0, false
	}
	return year, time.January, 1, true
}

// Decades, centuries and millennia of a year, where 0 is 1 BC. The first century begins with the year 1, and the one before
// it is the century -1.
func decadeOf(year int) int {
	if year >= 0 {
		return year / 10
	}
	return -((8 - (year - 1)) / 10)
}

func centuryOf(year int) int    { return ageOf(year, 100) }
func millenniumOf(year int) int { return ageOf(year, 1000) }

func ageOf(year, years int) int {
	if year > 0 {
		return (year + years - 1) / years
	}
	return -((years - 1 - (year - 1)) / years)
}

// firstOf is the first year of a century or millennium.
func firstOf(age, years int) int {
	if age > 0 {
		return age*years - years + 1
	}
	return age*years + 1
}

// truncatedSpan cuts an interval to a unit.
func truncatedSpan(p Span, u timeUnit) (result Span, ok bool) {
	units := map[timeUnit]int64{microsecondField: 1, millisecondField: 1000, secondField: microsPerSecond, minuteField: microsPerMinute, hourField: microsPerHour}
	months := map[timeUnit]int32{monthField: 1, quarterField: 3, yearField: monthsPerYear, decadeField: 10 * monthsPerYear, centuryField: 100 * monthsPerYear, millenniumField: 1000 * monthsPerYear}
	switch {
	case units[u] > 0:
		p.Micros -= p.Micros % units[u]
	case u == dayField:
		p.Micros = 0
	case months[u] > 0:
		p = Span{Months: p.Months - p.Months%months[u]}
	default:
		return p, false
	}
	return p, true
}
