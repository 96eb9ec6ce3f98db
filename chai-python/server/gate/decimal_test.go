package gate_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

func TestDecimalsComeBackFromTheBinaryFormat(t *testing.T) {
	for _, s := range []string{"0", "0.000", "1", "-1", "10000", "123456789012345678901234567890.000100", "-0.00001", "0.1234", "9999.9999", "1e20", "5e-9"} {
		v, err := gate.ParseText(s, gate.Numeric)
		if err != nil {
			t.Fatal(s, err)
		}
		back, err := gate.DecodeDecimal(v.(gate.Decimal).AppendBinary(nil))
		if err != nil || back.String() != v.(gate.Decimal).String() {
			t.Errorf("%s: %s came back as %s, %v", s, v, back, err)
		}
	}
}

func TestDecimalsHaveALimit(t *testing.T) {
	d := openMemory(t)
	large := "1" + strings.Repeat("0", 600)
	d.exec("SELECT 1", "SELECT "+large+" * 10, 1.5 / "+large)
	d.fails(pgerr.FeatureNotSupported, "SELECT "+large+" * "+large)
}

func TestDecimalsThatAreNone(t *testing.T) {
	for text, code := range map[string]string{"": "22P02", "1.2.3": "22P02", "1e": "22P02", "e1": "22P02", "+-1": "22P02", "1_0": "22P02", "NaN": "0A000", "-inf": "0A000", "1e1001": "0A000"} {
		if _, err := gate.ParseText(text, gate.Numeric); codeOf(err) != code {
			t.Errorf("%q: %v, want %s", text, err, code)
		}
	}
	for raw, code := range map[string]string{
		"": "22P03", "0001": "22P03", "0001000000000000": "22P03", // too short for its one digit
		"00010000000000002710": "22P03", // a digit of 10,000
		"00000000c0000000":     "0A000", // NaN
		"00017fff000000000001": "0A000", // 10,000 to the power of 32,767
		"0001000000007fff0001": "0A000", // 32,767 digits behind the point
	} {
		b, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gate.DecodeDecimal(b); codeOf(err) != code {
			t.Errorf("%s: %v, want %s", raw, err, code)
		}
	}
}

func codeOf(err error) string {
	var e *pgerr.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
