package gate

import (
	"encoding/binary"
	"math/big"
	"strconv"
	"strings"

	"chaisqld/pgerr"
)

// Decimal is a value of type numeric: a whole number and how many of its digits stand behind the point. There are no columns
// of it, but constants such as 1.5 and what is computed from them are exact.
type Decimal struct {
	digits *big.Int
	scale  int
}

// decimalDigits bounds the digits of a Decimal on either side of the point, and so what computing with it costs.
const decimalDigits = 1000

var ten = big.NewInt(10)

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(ten, big.NewInt(int64(n)), nil) }

func decimalOf(n int64) Decimal { return Decimal{big.NewInt(n), 0} }

// parseDecimal reads decimal notation with an optional exponent, blanks around it allowed.
func parseDecimal(s string) (any, error) {
	trimmed := trimSpace(s)
	mantissa, exponent := trimmed, 0
	if at := strings.IndexAny(trimmed, "eE"); at >= 0 {
		n, err := strconv.Atoi(trimmed[at+1:])
		switch {
		case err != nil && strings.Trim(trimmed[at+1:], "+-0123456789") != "" || trimmed[at+1:] == "":
			return nil, badText(s, Numeric)
		case err != nil || n > decimalDigits || n < -decimalDigits:
			return nil, decimalTooLong()
		}
		mantissa, exponent = trimmed[:at], n
	}
	switch strings.ToLower(strings.TrimLeft(mantissa, "+-")) {
	case "nan", "inf", "infinity":
		return nil, pgerr.New(pgerr.FeatureNotSupported, "numeric NaN and infinity are not supported").WithHint("Use double precision.")
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	bare := strings.TrimPrefix(strings.TrimPrefix(whole, "-"), "+")
	if len(whole)-len(bare) > 1 || bare+fraction == "" || strings.Trim(bare+fraction, "0123456789") != "" {
		return nil, badText(s, Numeric)
	}
	if len(bare)+len(fraction) > 2*decimalDigits {
		return nil, decimalTooLong()
	}
	n, _ := new(big.Int).SetString(whole[:len(whole)-len(bare)]+bare+fraction, 10)
	return shifted(n, len(fraction)-exponent)
}

// shifted is n with scale digits behind the point, where a negative scale appends zeros.
func shifted(n *big.Int, scale int) (any, error) {
	if scale < 0 {
		n, scale = new(big.Int).Mul(n, powerOfTen(-scale)), 0
	}
	return Decimal{n, scale}.checked()
}

func decimalTooLong() error {
	return pgerr.New(pgerr.FeatureNotSupported, "numeric values of more than %d digits are not supported", decimalDigits)
}

// units is the work of computing with it.
func (d Decimal) units() int { return 16 + d.digits.BitLen()/32 }

func (d Decimal) checked() (any, error) {
	const bitsPerThousandDigits = 3322
	if d.scale > decimalDigits || d.digits.BitLen() > (decimalDigits+d.scale)*bitsPerThousandDigits/1000 {
		return nil, decimalTooLong()
	}
	return d, nil
}

// String writes the value with all digits of its scale.
func (d Decimal) String() string {
	digits := new(big.Int).Abs(d.digits).String()
	if missing := d.scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if d.scale > 0 {
		digits = digits[:len(digits)-d.scale] + "." + digits[len(digits)-d.scale:]
	}
	if d.digits.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// rescaled is the value with another scale, rounded half away from zero.
func (d Decimal) rescaled(scale int) Decimal {
	if scale >= d.scale {
		return Decimal{new(big.Int).Mul(d.digits, powerOfTen(scale-d.scale)), scale}
	}
	return Decimal{roundedQuotient(d.digits, powerOfTen(d.scale-scale)), scale}
}

// roundedQuotient is x / y rounded half away from zero.
func roundedQuotient(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Abs(r).Lsh(r, 1).CmpAbs(y) >= 0 {
		q.Add(q, big.NewInt(int64(x.Sign()*y.Sign())))
	}
	return q
}

// floor is the next whole number that is not above; exact says that it is the number itself.
func (d Decimal) floor() (whole *big.Int, exact bool) {
	whole, rest := new(big.Int).DivMod(d.digits, powerOfTen(d.scale), new(big.Int))
	return whole, rest.Sign() == 0
}

func (d Decimal) compare(other Decimal) int {
	scale := max(d.scale, other.scale)
	return d.rescaled(scale).digits.Cmp(other.rescaled(scale).digits)
}

// apply computes d op other as PostgreSQL does, which settles the scale of the result.
func (d Decimal) apply(op string, other Decimal) (any, error) {
	if other.digits.Sign() == 0 && (op == "/" || op == "%") {
		return nil, pgerr.New(pgerr.DivisionByZero, "division by zero")
	}
	scale := max(d.scale, other.scale)
	x, y, n := d.rescaled(scale).digits, other.rescaled(scale).digits, new(big.Int)
	switch op {
	case "+":
		return Decimal{n.Add(x, y), scale}.checked()
	case "-":
		return Decimal{n.Sub(x, y), scale}.checked()
	case "*":
		return Decimal{n.Mul(d.digits, other.digits), d.scale + other.scale}.checked()
	case "%":
		return Decimal{n.Rem(x, y), scale}.checked()
	}
	scale = quotientScale(d, other)
	return Decimal{roundedQuotient(n.Mul(x, powerOfTen(scale)), y), scale}.checked()
}

// quotientScale gives a quotient at least 16 significant digits, counted in digits of base 10,000.
func quotientScale(x, y Decimal) int {
	const significant, most = 16, 1000
	xWeight, xFirst := x.leading()
	yWeight, yFirst := y.leading()
	weight := xWeight - yWeight
	if xFirst <= yFirst {
		weight--
	}
	return min(max(significant-weight*4, x.scale, y.scale), most)
}

// leading is the first digit of base 10,000 that is not zero, and its weight.
func (d Decimal) leading() (weight, digit int) {
	list, weight := d.groups()
	if len(list) == 0 {
		return 0, 0
	}
	return weight, int(list[0])
}

// groups are the digits of base 10,000, without zeros at the ends; weight is that of the first.
func (d Decimal) groups() (list []uint16, weight int) {
	const size = 4
	padding := (size - d.scale%size) % size
	text := new(big.Int).Abs(d.digits).String() + strings.Repeat("0", padding)
	text = strings.Repeat("0", (size-len(text)%size)%size) + text
	weight = (len(text)-d.scale-padding)/size - 1
	for ; text != ""; text = text[size:] {
		n, _ := strconv.ParseUint(text[:size], 10, 16)
		list = append(list, uint16(n))
	}
	for len(list) > 0 && list[0] == 0 {
		list, weight = list[1:], weight-1
	}
	for len(list) > 0 && list[len(list)-1] == 0 {
		list = list[:len(list)-1]
	}
	if len(list) == 0 {
		weight = 0
	}
	return list, weight
}

// DecodeDecimal reads the protocol's binary format, see AppendBinary.
func DecodeDecimal(raw []byte) (Decimal, error) {
	const head, negative, size, highest = 8, 0x4000, 10_000, 9999
	malformed := pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format: numeric of %d bytes", len(raw))
	if len(raw) < head || len(raw) != head+2*int(binary.BigEndian.Uint16(raw)) {
		return Decimal{}, malformed
	}
	count, weight := len(raw)/2-head/2, int(int16(binary.BigEndian.Uint16(raw[2:])))
	sign, scale := binary.BigEndian.Uint16(raw[4:]), int(binary.BigEndian.Uint16(raw[6:]))
	switch {
	case sign != 0 && sign != negative:
		return Decimal{}, pgerr.New(pgerr.FeatureNotSupported, "numeric NaN and infinity are not supported").WithHint("Use double precision.")
	case count > decimalDigits || weight > decimalDigits || weight < -decimalDigits || scale > decimalDigits:
		return Decimal{}, decimalTooLong()
	}
	n := new(big.Int)
	for i := range count {
		digit := binary.BigEndian.Uint16(raw[head+2*i:])
		if digit > highest {
			return Decimal{}, malformed
		}
		n.Add(n.Mul(n, big.NewInt(size)), big.NewInt(int64(digit)))
	}
	if sign == negative {
		n.Neg(n)
	}
	behind := (count - 1 - weight) * 4 // digits behind the point
	if behind < 0 {
		n, behind = n.Mul(n, powerOfTen(-behind)), 0
	}
	d := Decimal{n, behind}.rescaled(scale)
	_, err := d.checked()
	return d, err
}

// AppendBinary adds the value in the protocol's binary format: how many digits of base 10,000, the first one's weight, the
// sign, the scale, the digits.
func (d Decimal) AppendBinary(dst []byte) []byte {
	const negative = 0x4000
	list, weight := d.groups()
	sign := uint16(0)
	if d.digits.Sign() < 0 {
		sign = negative
	}
	for _, n := range append([]uint16{uint16(len(list)), uint16(weight), sign, uint16(d.scale)}, list...) {
		dst = binary.BigEndian.AppendUint16(dst, n)
	}
	return dst
}
