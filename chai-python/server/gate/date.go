package gate

import (
	"math"
	"time"

	"chaisqld/pgerr"
)

// Dates are times at midnight in UTC, so that they compare with timestamps as they are.

// The span of dates that PostgreSQL knows. It begins with that of timestamps and goes farther.
var endDate = time.Date(5874898, 1, 1, 0, 0, 0, 0, time.UTC)

// parseDate reads what is a timestamp, and forgets the time.
func parseDate(s string) (any, error) {
	r := dateReader{rest: trimSpace(s)}
	if isInfinity(r.rest) {
		return nil, noInfinity(Date)
	}
	r.era()
	date := r.date()
	r.clock()
	r.offset()
	if err := r.failure(s, Date); err != nil {
		return nil, err
	}
	if checkDate(date) != nil {
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range: \"%s\"", shorten(s))
	}
	return date, nil
}

func checkDate(date time.Time) error {
	if date.Before(firstTimestamp) || !date.Before(endDate) {
		return pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range")
	}
	return nil
}

func midnight(t time.Time) time.Time {
	year, month, day := t.UTC().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// castTime converts between the types of times.
func castTime(t time.Time, from, to Type) (any, error) {
	switch {
	case to == Date:
		return midnight(t), nil
	case from == Date:
		return timestampOfDate(t)
	}
	return t, nil
}

func timestampOfDate(date time.Time) (any, error) {
	if !date.Before(endTimestamp) {
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "date out of range for timestamp")
	}
	return date, nil
}

func dateOfTime(_ *scope, args []any) (any, error) { return midnight(args[0].(time.Time)), nil }

var dateOperators = []function{
	{name: "+", params: []Type{Date, Int4}, of: Date, apply: laterDate(0, 1, 1)},
	{name: "+", params: []Type{Int4, Date}, of: Date, apply: laterDate(1, 0, 1)},
	{name: "-", params: []Type{Date, Int4}, of: Date, apply: laterDate(0, 1, -1)},
	{name: "-", params: []Type{Date, Date}, of: Int4, apply: func(_ *scope, args []any) (any, error) {
		return int64(DateDays(args[0].(time.Time))) - int64(DateDays(args[1].(time.Time))), nil
	}},
	{name: "+", params: []Type{Date, Interval}, of: Timestamp, apply: fromDate(0, later(0, 1))},
	{name: "+", params: []Type{Interval, Date}, of: Timestamp, apply: fromDate(1, later(1, 0))},
	{name: "-", params: []Type{Date, Interval}, of: Timestamp, apply: fromDate(0, earlier)},
	{name: "+", params: []Type{Date, timeOfDay}, of: Timestamp}, // which an open argument could mean as well
	{name: "+", params: []Type{Date, timetz}, of: Timestamptz},
	{name: "+", params: []Type{timeOfDay, Date}, of: Timestamp},
	{name: "+", params: []Type{timetz, Date}, of: Timestamptz},
}

// laterDate adds the days among two arguments to the date.
func laterDate(at, by int, sign int64) apply {
	return func(_ *scope, args []any) (any, error) {
		date := args[at].(time.Time).AddDate(0, 0, int(sign*args[by].(int64)))
		return date, checkDate(date)
	}
}

// fromDate computes with the timestamp that a date becomes.
func fromDate(at int, compute apply) apply {
	return func(s *scope, args []any) (any, error) {
		if _, err := timestampOfDate(args[at].(time.Time)); err != nil {
			return nil, err
		}
		return compute(s, args)
	}
}

// fieldOfDate is what a date has of the fields of a timestamp.
func fieldOfDate(date time.Time, u timeField) (f fieldValue, ok bool) {
	switch u {
	case julianField:
		return wholeValue(date.Unix()/secondsPerDay + julianOfEpoch), true
	case epochField:
		return wholeValue(date.Unix()), true
	}
	return dateValue(date, u)
}

// DateDays is a date as PostgreSQL keeps and sends it: days since 2000.
func DateDays(date time.Time) int32 { return int32((date.Unix() - postgresEpoch) / secondsPerDay) }

// DateOf is the other way. What PostgreSQL does not take is an error, with infinity among it.
func DateOf(days int32) (time.Time, error) {
	date := time.Unix(int64(days)*secondsPerDay+postgresEpoch, 0).UTC()
	if days == math.MaxInt32 || days == math.MinInt32 {
		return date, noInfinity(Date)
	}
	return date, checkDate(date)
}
