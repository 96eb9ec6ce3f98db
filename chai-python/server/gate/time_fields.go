package gate

import (
	"math/big"
	"time"
)

// timeField is a number that is taken out of a time or an interval. PostgreSQL computes it in two ways, which do not round
// alike.
type timeField struct {
	number Decimal
	float  float64
}

func numericField(f timeField) any { return f.number }
func floatField(f timeField) any   { return f.float }

func wholeField[T int | int32 | int64 | time.Month](n T) timeField {
	return timeField{decimalOf(int64(n)), float64(n)}
}

// fieldOf takes a field; ok is false where the type has none of that name.
func fieldOf(v any, u timeUnit, t Type) (f timeField, ok bool) {
	if p, isSpan := v.(Span); isSpan {
		return spanField(p, u)
	}
	at := v.(time.Time).UTC()
	if f, ok := dateField(at, u); ok {
		return f, true
	}
	if t == Date {
		return fieldOfDate(at, u)
	}
	switch u {
	case hourField:
		return wholeField(at.Hour()), true
	case minuteField:
		return wholeField(at.Minute()), true
	case zoneField, zoneHourField, zoneMinuteField:
		return wholeField(0), t == Timestamptz
	case julianField:
		return julianDay(at), true
	case epochField:
		return epochOf(at), true
	}
	return secondsField(int64(at.Second()), int64(at.Nanosecond()/1000), u)
}

// secondsField is the seconds with their fraction, in one of three units.
func secondsField(seconds, micros int64, u timeUnit) (f timeField, ok bool) {
	total := seconds*microsPerSecond + micros
	switch u {
	case microsecondField:
		return wholeField(total), true
	case millisecondField:
		return timeField{Decimal{big.NewInt(total), 3}, float64(seconds)*1000 + float64(float64(micros)/1000)}, true
	case secondField:
		return timeField{Decimal{big.NewInt(total), 6}, float64(seconds) + float64(float64(micros)/microsPerSecond)}, true
	}
	return f, false
}

// dateField is what a date has.
func dateField(at time.Time, u timeUnit) (f timeField, ok bool) {
	year, month, day := at.Date()
	isoYear, week := at.ISOWeek()
	switch u {
	case dayField:
		return wholeField(day), true
	case weekField:
		return wholeField(week), true
	case monthField:
		return wholeField(month), true
	case quarterField:
		return wholeField((month-1)/3 + 1), true
	case yearField:
		return wholeField(shownYear(year)), true
	case decadeField:
		return wholeField(decadeOf(year)), true
	case centuryField:
		return wholeField(centuryOf(year)), true
	case millenniumField:
		return wholeField(millenniumOf(year)), true
	case dowField:
		return wholeField(int(at.Weekday())), true
	case isodowField:
		return wholeField(int(at.Weekday()+6)%7 + 1), true
	case doyField:
		return wholeField(at.YearDay()), true
	case isoyearField:
		return wholeField(shownYear(isoYear)), true
	}
	return f, false
}

// shownYear is -1 for 1 BC, which is 0 here.
func shownYear(year int) int {
	if year > 0 {
		return year
	}
	return year - 1
}

// julianOfEpoch is the Julian day on which Unix time begins.
const julianOfEpoch = 2_440_588

// julianDay counts days since 4714 BC, with the part of the day that is over.
func julianDay(at time.Time) timeField {
	date := at.Truncate(24 * time.Hour)
	day := date.Unix()/secondsPerDay + julianOfEpoch
	micros := at.Sub(date).Microseconds()
	part, _ := decimalOf(micros).apply("/", decimalOf(microsPerDay))
	number, _ := decimalOf(day).apply("+", part.(Decimal))
	seconds := float64(micros/microsPerSecond) + float64(float64(micros%microsPerSecond)/microsPerSecond)
	return timeField{number.(Decimal), float64(day) + float64(seconds/secondsPerDay)}
}

// epochOf is Unix time.
func epochOf(at time.Time) timeField {
	micros := new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(microsPerSecond))
	micros.Add(micros, big.NewInt(int64(at.Nanosecond()/1000)))
	float := float64(TimestampMicros(at)) + postgresEpoch*microsPerSecond // as PostgreSQL does where 64 bits are not enough
	if micros.IsInt64() {
		float = float64(micros.Int64())
	}
	return timeField{Decimal{micros, 6}, float / microsPerSecond}
}

// spanField is what an interval has.
func spanField(p Span, u timeUnit) (f timeField, ok bool) {
	year, month := p.Months/monthsPerYear, p.Months%monthsPerYear
	switch u {
	case minuteField:
		return wholeField(p.Micros / microsPerMinute % 60), true
	case hourField:
		return wholeField(p.Micros / microsPerHour), true
	case dayField:
		return wholeField(p.Days), true
	case monthField:
		return wholeField(month), true
	case quarterField:
		return wholeField(month/3 + 1), true
	case yearField:
		return wholeField(year), true
	case decadeField:
		return wholeField(year / 10), true
	case centuryField:
		return wholeField(year / 100), true
	case millenniumField:
		return wholeField(year / 1000), true
	case epochField:
		return spanSeconds(p, int64(year), int64(month)), true
	}
	return secondsField(p.Micros/microsPerSecond%60, p.Micros%microsPerSecond, u)
}

// spanSeconds takes a year for 365.25 days and a month for 30.
func spanSeconds(p Span, years, months int64) timeField {
	const secondsPerYear = 31_557_600
	seconds := years*secondsPerYear + (months*daysPerMonth+int64(p.Days))*secondsPerDay
	micros := new(big.Int).Mul(big.NewInt(seconds), big.NewInt(microsPerSecond))
	float := float64(p.Micros) / microsPerSecond
	for _, part := range []int64{years * secondsPerYear, months * daysPerMonth * secondsPerDay, int64(p.Days) * secondsPerDay} {
		float += float64(part)
	}
	return timeField{Decimal{micros.Add(micros, big.NewInt(p.Micros)), 6}, float}
}
