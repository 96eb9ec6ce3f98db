package gate

import (
	"time"

	"chaisqld/pgerr"
)

// Operators that a time or an interval takes part in. The session's time zone is always UTC, but PostgreSQL does not compute
// those with time zones before a statement runs.

var operators = byName(intervalOperators, timestampOperators, dateOperators)

var intervalOperators = []function{
	{name: "+", params: []Type{Interval, Interval}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
		p := args[1].(Span)
		return boxed(args[0].(Span).plus(int64(p.Months), int64(p.Days), p.Micros))
	}},
	{name: "-", params: []Type{Interval, Interval}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
		return boxed(args[0].(Span).minus(args[1].(Span)))
	}},
	{name: "*", params: []Type{Interval, Float8}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
		return boxed(args[0].(Span).scaled(args[1].(float64), times))
	}},
	{name: "*", params: []Type{Float8, Interval}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
		return boxed(args[1].(Span).scaled(args[0].(float64), times))
	}},
	{name: "/", params: []Type{Interval, Float8}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
		if args[1].(float64) == 0 {
			return nil, pgerr.New(pgerr.DivisionByZero, "division by zero")
		}
		return boxed(args[0].(Span).scaled(args[1].(float64), dividedBy))
	}},
}

// The conversions keep processors from computing a product and a sum in one step, which rounds otherwise.
func times(x, factor float64) float64     { return float64(x * factor) }
func dividedBy(x, factor float64) float64 { return float64(x / factor) }

// boxed puts a result with its error into an interface, which is nil if there is an error.
func boxed[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// negativeInterval is -x.
var negativeInterval = function{name: "-", params: []Type{Interval}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
	return boxed(args[0].(Span).negated())
}}

var timestampOperators = []function{
	{name: "+", params: []Type{Timestamp, Interval}, of: Timestamp, apply: later(0, 1)},
	{name: "+", params: []Type{Interval, Timestamp}, of: Timestamp, apply: later(1, 0)},
	{name: "+", params: []Type{Timestamptz, Interval}, of: Timestamptz, setting: true, apply: later(0, 1)},
	{name: "+", params: []Type{Interval, Timestamptz}, of: Timestamptz, setting: true, apply: later(1, 0)},
	{name: "-", params: []Type{Timestamp, Interval}, of: Timestamp, apply: earlier},
	{name: "-", params: []Type{Timestamptz, Interval}, of: Timestamptz, setting: true, apply: earlier},
	{name: "-", params: []Type{Timestamp, Timestamp}, of: Interval, apply: between},
	{name: "-", params: []Type{Timestamptz, Timestamptz}, of: Interval, apply: between},
}

// later adds the interval among two arguments to the time.
func later(at, by int) apply {
	return func(_ *scope, args []any) (any, error) { return boxed(addSpan(args[at].(time.Time), args[by].(Span))) }
}

func earlier(_ *scope, args []any) (any, error) {
	p := args[1].(Span)
	return boxed(addSpan(args[0].(time.Time), Span{-p.Months, -p.Days, -p.Micros}))
}

// between is the days and less from one time to another. A difference beyond 64 bits is cut, as PostgreSQL does.
func between(_ *scope, args []any) (any, error) {
	micros := TimestampMicros(args[0].(time.Time)) - TimestampMicros(args[1].(time.Time))
	return Span{Days: int32(micros / microsPerDay), Micros: micros % microsPerDay}, nil
}

// addSpan adds months, then days, then microseconds. A day that the month does not have becomes its last one.
func addSpan(t time.Time, p Span) (time.Time, error) {
	t = t.UTC()
	if p.Months != 0 {
		year, month, day := t.Date()
		first := time.Date(year, month+time.Month(p.Months), 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		t = first.AddDate(0, 0, min(day, last)-1).Add(t.Sub(time.Date(year, month, day, 0, 0, 0, 0, time.UTC)))
		if err := checkTimestamp(t); err != nil {
			return t, err
		}
	}
	if t = t.AddDate(0, 0, int(p.Days)); p.Days != 0 {
		if err := checkTimestamp(t); err != nil {
			return t, err
		}
	}
	micros := TimestampMicros(t)
	if !addTo(&micros, p.Micros) {
		return t, timestampOutOfRange()
	}
	return TimestampOf(micros)
}
