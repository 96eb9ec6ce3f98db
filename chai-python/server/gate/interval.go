package gate

import (
	"encoding/binary"
	"math"
	"strconv"

	"chaisqld/pgerr"
)

// Span is a value of type interval. A month has no fixed number of days, and a day none of hours, so the three are kept apart.
type Span struct {
	Months, Days int32
	Micros       int64
}

const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
	secondsPerDay   = 86_400
	daysPerMonth    = 30 // where a number is needed
	monthsPerYear   = 12
)

func intervalOutOfRange() error {
	return pgerr.New(pgerr.DatetimeFieldOverflow, "interval out of range")
}

// length is what spans are ordered by: days, of which a month has 30, and microseconds of less than one day.
func (p Span) length() [2]int64 {
	days, micros := p.Micros/microsPerDay, p.Micros%microsPerDay
	if micros < 0 {
		days, micros = days-1, micros+microsPerDay
	}
	return [2]int64{days + int64(p.Months)*daysPerMonth + int64(p.Days), micros}
}

func (p Span) compare(other Span) int {
	a, b := p.length(), other.length()
	for i := range a {
		switch {
		case a[i] < b[i]:
			return -1
		case a[i] > b[i]:
			return 1
		}
	}
	return 0
}

// plus adds what is mostly another span, in wider numbers so that nothing is lost.
func (p Span) plus(months, days, micros int64) (Span, error) {
	sum := Span{p.Months + int32(months), p.Days + int32(days), p.Micros + micros}
	if int64(sum.Months) != int64(p.Months)+months || int64(sum.Days) != int64(p.Days)+days || (sum.Micros < p.Micros) != (micros < 0) {
		return Span{}, intervalOutOfRange()
	}
	return sum, nil
}

func (p Span) minus(other Span) (Span, error) {
	difference := p.Micros - other.Micros
	if (difference > p.Micros) != (other.Micros < 0) {
		return Span{}, intervalOutOfRange()
	}
	return Span{p.Months, p.Days, 0}.plus(-int64(other.Months), -int64(other.Days), difference)
}

func (p Span) negated() (Span, error) { return Span{}.minus(p) }

// scaled multiplies, or divides if that is what compute does. What is left of a month becomes days, what is left of a day
// microseconds, but nothing goes up. The roundings are PostgreSQL's, step by step.
func (p Span) scaled(factor float64, compute func(x, factor float64) float64) (Span, error) {
	months, days := compute(float64(p.Months), factor), compute(float64(p.Days), factor)
	if !fitsInt32(months) || !fitsInt32(days) {
		return Span{}, intervalOutOfRange()
	}
	result := Span{Months: int32(months), Days: int32(days)}
	moreDays := toMicros((months - float64(result.Months)) * daysPerMonth)
	seconds := toMicros(float64((days-float64(result.Days))+moreDays-math.Trunc(moreDays)) * secondsPerDay)
	if math.Abs(seconds) >= secondsPerDay {
		result.Days += int32(seconds / secondsPerDay)
		seconds -= math.Trunc(seconds/secondsPerDay) * secondsPerDay
	}
	result.Days += int32(moreDays)
	micros := math.RoundToEven(float64(compute(float64(p.Micros), factor)) + float64(seconds*microsPerSecond))
	if !(micros >= -(1<<63) && micros < 1<<63) {
		return Span{}, intervalOutOfRange()
	}
	result.Micros = int64(micros)
	return result, nil
}

// toMicros rounds seconds or days to six digits.
func toMicros(f float64) float64 { return math.RoundToEven(f*microsPerSecond) / microsPerSecond }

func fitsInt32(f float64) bool { return f >= math.MinInt32 && f <= math.MaxInt32 }

// String writes the span as PostgreSQL does in its own style.
func (p Span) String() string {
	w := spanWriter{}
	w.part(int64(p.Months/monthsPerYear), "year")
	w.part(int64(p.Months%monthsPerYear), "mon")
	w.part(int64(p.Days), "day")
	if p.Micros != 0 || w.text == nil {
		w.clock(p.Micros)
	}
	return string(w.text)
}

type spanWriter struct {
	text  []byte
	minus bool // the part before was negative, and the next one says if it is not
}

func (w *spanWriter) part(n int64, unit string) {
	if n == 0 {
		return
	}
	w.begin(n > 0)
	w.text = append(append(strconv.AppendInt(w.text, n, 10), ' '), unit...)
	if n != 1 {
		w.text = append(w.text, 's')
	}
	w.minus = n < 0
}

func (w *spanWriter) begin(positive bool) {
	if w.text != nil {
		w.text = append(w.text, ' ')
	}
	if w.minus && positive {
		w.text = append(w.text, '+')
	}
}

func (w *spanWriter) clock(micros int64) {
	w.begin(micros >= 0)
	rest := uint64(micros)
	if micros < 0 {
		w.text = append(w.text, '-')
		rest = -rest
	}
	two := func(n uint64) { w.text = append(w.text, byte('0'+n/10), byte('0'+n%10)) }
	if hours := rest / microsPerHour; hours < 100 {
		two(hours)
	} else {
		w.text = strconv.AppendUint(w.text, hours, 10)
	}
	w.text = append(w.text, ':')
	two(rest / microsPerMinute % 60)
	w.text = append(w.text, ':')
	two(rest / microsPerSecond % 60)
	w.text = appendFraction(w.text, rest%microsPerSecond)
}

// appendFraction writes microseconds behind a point, without zeros at the end.
func appendFraction(dst []byte, micros uint64) []byte {
	if micros == 0 {
		return dst
	}
	digits := strconv.AppendUint(nil, microsPerSecond+micros, 10)
	digits[0] = '.'
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return append(dst, digits...)
}

const spanBytes = 16

// AppendBinary adds the value in the protocol's binary format: microseconds, days, months.
func (p Span) AppendBinary(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.Micros))
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.Days))
	return binary.BigEndian.AppendUint32(dst, uint32(p.Months))
}

// DecodeSpan reads the protocol's binary format.
func DecodeSpan(raw []byte) (Span, error) {
	if len(raw) != spanBytes {
		return Span{}, pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format: interval has %d bytes, got %d", spanBytes, len(raw))
	}
	return Span{
		Micros: int64(binary.BigEndian.Uint64(raw)),
		Days:   int32(binary.BigEndian.Uint32(raw[8:])),
		Months: int32(binary.BigEndian.Uint32(raw[12:])),
	}, nil
}
