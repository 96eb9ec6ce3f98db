package gate

import (
	"strconv"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// intervalFields restrict a type interval, as in INTERVAL DAY TO MINUTE or INTERVAL SECOND(2). The zero value does not.
type intervalFields struct {
	units   unit // nothing smaller is kept; none: everything is
	rounded bool // to a number of digits behind the seconds
	digits  int
}

// intervalUnits are the fields by their names.
var intervalUnits = map[string]unit{
	"year": yearUnit, "month": monthUnit, "year to month": yearUnit | monthUnit, "day": dayUnit, "hour": hourUnit, "day to hour": dayUnit | hourUnit,
	"minute": minuteUnit, "day to minute": dayUnit | hourUnit | minuteUnit, "hour to minute": hourUnit | minuteUnit, "second": secondUnit,
	"day to second": dayUnit | hourUnit | minuteUnit | secondUnit, "hour to second": hourUnit | minuteUnit | secondUnit, "minute to second": minuteUnit | secondUnit,
}

func (b *binder) intervalFields(n syntax.TypeName) (intervalFields, error) {
	f := intervalFields{units: intervalUnits[n.Fields]}
	if n.Modifiers == nil {
		return f, nil
	}
	digits, err := strconv.Atoi(n.Modifiers[0])
	if err != nil || len(n.Modifiers) > 1 {
		return f, b.fail(n.At, pgerr.InvalidParameterValue, "invalid INTERVAL type modifier")
	}
	f.rounded, f.digits = digits < 6, digits
	return f, nil
}

// last is what a number counts that has no unit.
func (f intervalFields) last() unit {
	for _, u := range []unit{secondUnit, minuteUnit, hourUnit, dayUnit, monthUnit, yearUnit} {
		if f.units&u != 0 {
			return u
		}
	}
	return secondUnit
}

func (f intervalFields) minutesAndSeconds() bool { return f.units == minuteUnit|secondUnit }

// apply leaves out what is too small.
func (f intervalFields) apply(p Span) Span {
	if f.units != 0 {
		switch f.last() {
		case yearUnit:
			p = Span{Months: p.Months / monthsPerYear * monthsPerYear}
		case monthUnit:
			p = Span{Months: p.Months}
		case dayUnit:
			p.Micros = 0
		case hourUnit:
			p.Micros -= p.Micros % microsPerHour
		case minuteUnit:
			p.Micros -= p.Micros % microsPerMinute
		}
	}
	if f.rounded {
		p.Micros = roundedMicros(p.Micros, f.digits)
	}
	return p
}

// roundedMicros keeps some digits behind the seconds.
func roundedMicros(micros int64, digits int) int64 {
	scale := int64(1)
	for range 6 - digits {
		scale *= 10
	}
	if micros < 0 {
		return -((-micros + scale/2) / scale * scale)
	}
	return (micros + scale/2) / scale * scale
}

// toInterval binds a cast to an interval.
func (b *binder) toInterval(inner node, x *syntax.Cast) (node, error) {
	fields, err := b.intervalFields(x.Type)
	if err != nil {
		return nil, err
	}
	if c, ok := inner.(*constant); ok && c.of == Unknown && c.value != nil {
		v, err := parseInterval(c.value.(string), fields)
		return &constant{v, Interval}, b.placed(err, x.X)
	}
	n, err := b.converted(inner, Interval, x.X)
	return fields.restricted(n), err
}

// restricted is an interval of which only some fields are kept.
func (f intervalFields) restricted(n node) node {
	if f == (intervalFields{}) {
		return n
	}
	keep := &function{name: "interval", params: []Type{Interval}, of: Interval, apply: func(_ *scope, args []any) (any, error) {
		return f.apply(args[0].(Span)), nil
	}}
	return &functionCall{keep, []node{n}}
}
