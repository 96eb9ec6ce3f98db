package gate

import (
	"math"
	"time"

	"chaisqld/pgerr"
)

// Functions of times and intervals. As with operators, PostgreSQL does not compute those of time zones before a statement runs.

var timeFunctions = []function{
	{name: "date_trunc", params: []Type{Text, Timestamp}, of: Timestamp, apply: truncateTime(Timestamp)},
	{name: "date_trunc", params: []Type{Text, Timestamptz}, of: Timestamptz, setting: true, apply: truncateTime(Timestamptz)},
	{name: "date_trunc", params: []Type{Text, Timestamptz, Text}, of: Timestamptz}, // in a time zone
	{name: "date_trunc", params: []Type{Text, Interval}, of: Interval, apply: truncateInterval},
	{name: "extract", params: []Type{Text, Timestamp}, of: Numeric, apply: takeField(Timestamp, asNumericField)},
	{name: "extract", params: []Type{Text, Timestamptz}, of: Numeric, setting: true, apply: takeField(Timestamptz, asNumericField)},
	{name: "extract", params: []Type{Text, Date}, of: Numeric, apply: takeField(Date, asNumericField)},
	{name: "extract", params: []Type{Text, Interval}, of: Numeric, apply: takeField(Interval, asNumericField)},
	{name: "extract", params: []Type{Text, timeOfDay}, of: Numeric},
	{name: "date_part", params: []Type{Text, Timestamp}, of: Float8, apply: takeField(Timestamp, asFloatField)},
	{name: "date_part", params: []Type{Text, Timestamptz}, of: Float8, setting: true, apply: takeField(Timestamptz, asFloatField)},
	{name: "date_part", params: []Type{Text, Date}, of: Float8, apply: fromDate(1, takeField(Timestamp, asFloatField))},
	{name: "date_part", params: []Type{Text, Interval}, of: Float8, apply: takeField(Interval, asFloatField)},
	{name: "date_part", params: []Type{Text, timeOfDay}, of: Float8},
	{name: "date", params: []Type{Timestamp}, of: Date, apply: dateOfTime},
	{name: "date", params: []Type{Timestamptz}, of: Date, setting: true, apply: dateOfTime},
	{name: "to_timestamp", params: []Type{Float8}, of: Timestamptz, apply: timestampOfSeconds},
	{name: "to_timestamp", params: twoTexts, of: Timestamptz}, // by a pattern
}

func truncateTime(t Type) apply {
	return func(_ *scope, args []any) (any, error) {
		name := args[0].(string)
		u, err := unitNamed(name, t)
		if err != nil {
			return nil, err
		}
		result, ok := truncated(args[1].(time.Time), u)
		if !ok {
			return nil, unitUnsupported(name, t)
		}
		return result, checkTimestamp(result)
	}
}

func truncateInterval(_ *scope, args []any) (any, error) {
	name := args[0].(string)
	u, err := unitNamed(name, Interval)
	if err != nil {
		return nil, err
	}
	result, ok := truncatedSpan(args[1].(Span), u)
	if !ok {
		return nil, unitUnsupported(name, Interval)
	}
	return result, nil
}

// takeField gives a field as the type of number that shape makes of it.
func takeField(t Type, shape func(f fieldValue) any) apply {
	return func(s *scope, args []any) (any, error) {
		name := args[0].(string)
		u, err := fieldNamed(name, t)
		if err != nil {
			return nil, err
		}
		f, ok := fieldOf(args[1], u, t)
		if !ok {
			return nil, unitUnsupported(name, t)
		}
		return shape(f), s.spend(f.number.units())
	}
}

// timestampOfSeconds takes Unix time.
func timestampOfSeconds(_ *scope, args []any) (any, error) {
	seconds := args[0].(float64)
	switch {
	case math.IsNaN(seconds):
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	case math.IsInf(seconds, 0):
		return nil, noInfinity(Timestamptz)
	case seconds < float64(firstTimestamp.Unix()) || seconds >= float64(endTimestamp.Unix()):
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp out of range: \"%g\"", seconds)
	}
	micros := math.RoundToEven(float64(seconds-postgresEpoch) * microsPerSecond)
	return boxed(TimestampOf(int64(micros)))
}
