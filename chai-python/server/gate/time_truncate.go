package gate

import "time"

// What date_trunc makes of times and intervals.

// truncated cuts a time to a unit.
func truncated(t time.Time, u timeField) (result time.Time, ok bool) {
	t = t.UTC()
	year, month, day := t.Date()
	clock := t.Sub(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	if u > dayField {
		year, month, day, ok = truncatedDate(t, u)
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC), ok
	}
	to, ok := map[timeField]time.Duration{microsecondField: time.Microsecond, millisecondField: time.Millisecond, secondField: time.Second, minuteField: time.Minute,
		hourField: time.Hour, dayField: 24 * time.Hour}[u]
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(clock.Truncate(to)), ok
}

func truncatedDate(t time.Time, u timeField) (year int, month time.Month, day int, ok bool) {
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

func centuryOf(year int) int { return ageOf(year, 100) }

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
func truncatedSpan(p Span, u timeField) (result Span, ok bool) {
	units := map[timeField]int64{microsecondField: 1, millisecondField: 1000, secondField: microsPerSecond, minuteField: microsPerMinute, hourField: microsPerHour}
	months := map[timeField]int32{monthField: 1, quarterField: 3, yearField: monthsPerYear, decadeField: 10 * monthsPerYear, centuryField: 100 * monthsPerYear, millenniumField: 1000 * monthsPerYear}
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
