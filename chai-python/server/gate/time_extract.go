package gate

import (
	"math/big"
	"time"
)

// fieldValue is a number that is taken out of a time or an interval. PostgreSQL computes it in two ways, which do not round
// alike.
type fieldValue struct {
	number Decimal
	float  float64
}

func asNumericField(f fieldValue) any { return f.number }
func asFloatField(f fieldValue) any   { return f.float }

func wholeValue[T int | int32 | int64 | time.Month](n T) fieldValue {
	return fieldValue{decimalOf(int64(n)), float64(n)}
}

// fieldOf takes a field; ok is false where the type has none of that name.
func fieldOf(v any, u timeField, t Type) (f fieldValue, ok bool) {
	if p, isSpan := v.(Span); isSpan {
		return spanValue(p, u)
	}
	at := v.(time.Time).UTC()
	if f, ok := dateValue(at, u); ok {
		return f, true
	}
	if t == Date {
		return fieldOfDate(at, u)
	}
	switch u {
	case hourField:
		return wholeValue(at.Hour()), true
	case minuteField:
		return wholeValue(at.Minute()), true
	case zoneField, zoneHourField, zoneMinuteField:
		return wholeValue(0), t == Timestamptz
	case julianField:
		return julianDay(at), true
	case epochField:
		return epochOf(at), true
	}
	return secondsValue(int64(at.Second()), int64(at.Nanosecond()/1000), u)
}

// secondsValue is the seconds with their fraction, in one of three units.
func secondsValue(seconds, micros int64, u timeField) (f fieldValue, ok bool) {
	total := seconds*microsPerSecond + micros
	switch u {
	case microsecondField:
		return wholeValue(total), true
	case millisecondField:
		return fieldValue{Decimal{big.NewInt(total), 3}, float64(seconds)*1000 + float64(float64(micros)/1000)}, true
	case secondField:
		return fieldValue{Decimal{big.NewInt(total), 6}, float64(seconds) + float64(float64(micros)/microsPerSecond)}, true
	}
	return f, false
}

// dateValue is what a date has.
func dateValue(at time.Time, u timeField) (f fieldValue, ok bool) {
	year, month, day := at.Date()
	isoYear, week := at.ISOWeek()
	switch u {
	case dayField:
		return wholeValue(day), true
	case weekField:
		return wholeValue(week), true
	case monthField:
		return wholeValue(month), true
	case quarterField:
		return wholeValue((month-1)/3 + 1), true
	case yearField:
		return wholeValue(shownYear(year)), true
	case decadeField:
		return wholeValue(decadeOf(year)), true
	case centuryField:
		return wholeValue(centuryOf(year)), true
	case millenniumField:
		return wholeValue(millenniumOf(year)), true
	case dowField:
		return wholeValue(int(at.Weekday())), true
	case isodowField:
		return wholeValue(int(at.Weekday()+6)%7 + 1), true
	case doyField:
		return wholeValue(at.YearDay()), true
	case isoyearField:
		return wholeValue(shownYear(isoYear)), true
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
func julianDay(at time.Time) fieldValue {
	date := at.Truncate(24 * time.Hour)
	day := date.Unix()/secondsPerDay + julianOfEpoch
	micros := at.Sub(date).Microseconds()
	part, _ := decimalOf(micros).apply("/", decimalOf(microsPerDay))
	number, _ := decimalOf(day).apply("+", part.(Decimal))
	seconds := float64(micros/microsPerSecond) + float64(float64(micros%microsPerSecond)/microsPerSecond)
	return fieldValue{number.(Decimal), float64(day) + float64(seconds/secondsPerDay)}
}

// epochOf is Unix time.
func epochOf(at time.Time) fieldValue {
	micros := new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(microsPerSecond))
	micros.Add(micros, big.NewInt(int64(at.Nanosecond()/1000)))
	float := float64(TimestampMicros(at)) + postgresEpoch*microsPerSecond // as PostgreSQL does where 64 bits are not enough
	if micros.IsInt64() {
		float = float64(micros.Int64())
	}
	return fieldValue{Decimal{micros, 6}, float / microsPerSecond}
}

// spanValue is what an interval has.
func spanValue(p Span, u timeField) (f fieldValue, ok bool) {
	year, month := p.Months/monthsPerYear, p.Months%monthsPerYear
	switch u {
	case minuteField:
		return wholeValue(p.Micros / microsPerMinute % 60), true
	case hourField:
		return wholeValue(p.Micros / microsPerHour), true
	case dayField:
		return wholeValue(p.Days), true
	case monthField:
		return wholeValue(month), true
	case quarterField:
		return wholeValue(month/3 + 1), true
	case yearField:
		return wholeValue(year), true
	case decadeField:
		return wholeValue(year / 10), true
	case centuryField:
		return wholeValue(year / 100), true
	case millenniumField:
		return wholeValue(year / 1000), true
	case epochField:
		return spanSeconds(p, int64(year), int64(month)), true
	}
	return secondsValue(p.Micros/microsPerSecond%60, p.Micros%microsPerSecond, u)
}

// spanSeconds takes a year for 365.25 days and a month for 30.
func spanSeconds(p Span, years, months int64) fieldValue {
	const secondsPerYear = 31_557_600
	seconds := years*secondsPerYear + (months*daysPerMonth+int64(p.Days))*secondsPerDay
	micros := new(big.Int).Mul(big.NewInt(seconds), big.NewInt(microsPerSecond))
	float := float64(p.Micros) / microsPerSecond
	for _, part := range []int64{years * secondsPerYear, months * daysPerMonth * secondsPerDay, int64(p.Days) * secondsPerDay} {
		float += float64(part)
	}
	return fieldValue{Decimal{micros.Add(micros, big.NewInt(p.Micros)), 6}, float}
}
