package gate

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// appendFloat writes the shortest digits that read back as the same number, in the notation that PostgreSQL chooses.
func appendFloat(dst []byte, v float64, t Type) []byte {
	bits, fixedBelow := 64, 1e15
	if t == Float4 {
		bits, fixedBelow = 32, 1e6
	}
	magnitude := math.Abs(v)
	switch {
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	case v == 0 || magnitude >= 1e-4 && magnitude < fixedBelow || math.IsNaN(v):
		return strconv.AppendFloat(dst, v, 'f', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'e', strictDigits(v, bits)-1, bits)
}

// strictDigits is how many digits tell v from its neighbours, 0 for as many as strconv takes. Where a number halfway to a
// neighbour is shorter, strconv gives that one if it reads back as v by rounding to even; PostgreSQL relies on no rounding.
func strictDigits(v float64, bits int) int {
	magnitude := math.Abs(v)
	if !mayEndHalfway(magnitude, bits) {
		return 0
	}
	below, above := halfway(magnitude, bits)
	shortest := strconv.FormatFloat(magnitude, 'e', -1, bits)
	for digits := digitsOf(shortest); ; digits++ {
		written, _ := new(big.Rat).SetString(strconv.FormatFloat(magnitude, 'e', digits-1, bits))
		if written.Cmp(below) != 0 && written.Cmp(above) != 0 {
			return digits
		}
	}
}

// mayEndHalfway leaves out what cannot have a halfway number of 17 digits (9 for float4): fractions have more digits, and in
// larger whole numbers the power of ten would take more factors of five than a mantissa has.
func mayEndHalfway(magnitude float64, bits int) bool {
	if bits == 32 {
		return magnitude >= 1<<23 && magnitude < 1e19 && math.Float32bits(float32(magnitude))%2 == 0
	}
	return magnitude >= 1<<52 && magnitude < 1e40 && math.Float64bits(magnitude)%2 == 0
}

// halfway gives the numbers in the middle between v and its two neighbours.
func halfway(v float64, bits int) (below, above *big.Rat) {
	previous, next := math.Nextafter(v, 0), math.Nextafter(v, math.Inf(1))
	if bits == 32 {
		inf := float32(math.Inf(1))
		previous, next = float64(math.Nextafter32(float32(v), 0)), float64(math.Nextafter32(float32(v), inf))
	}
	return middle(previous, v), middle(v, next)
}

func middle(a, b float64) *big.Rat {
	sum := new(big.Rat).Add(new(big.Rat).SetFloat64(a), new(big.Rat).SetFloat64(b))
	return sum.Quo(sum, big.NewRat(2, 1))
}

// digitsOf counts those of a positive number's mantissa, as strconv writes it.
func digitsOf(scientific string) int {
	mantissa, _, _ := strings.Cut(scientific, "e")
	return len(strings.Replace(mantissa, ".", "", 1))
}
