package engine

// Chai's key comparer has three faults, and all of them end in a directory
// that cannot be opened or rows that cannot be found:
//
//   - Separator returns only the tail of a key when both arguments are equal.
//     Pebble calls it so when two versions of one key meet at the end of a
//     block, that is whenever a snapshot was open during updates. The index
//     block then holds a key without a namespace, and Split panics on it.
//   - Separator also cuts fixed-width values short when their types differ.
//   - Compare takes the width of one key's length prefix for both, so texts
//     below and above 128 bytes compare wrongly.
//
// The comparer is a package variable of Chai's kv package, so it is mended in
// place before the first database is opened. What it writes stays readable for
// an untouched Chai: separators are just not shortened any more.

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	_ "unsafe" // for go:linkname

	_ "github.com/chaisql/chai" // must be imported by this package: it sets the comparer before our init runs

	"github.com/cockroachdb/pebble/v2"
)

//go:linkname chaiComparer github.com/chaisql/chai/internal/kv.DefaultComparer
var chaiComparer *pebble.Comparer

func init() { mendComparer(chaiComparer) }

func mendComparer(c *pebble.Comparer) {
	split := c.Split
	c.Separator = func(dst, a, _ []byte) []byte { return append(dst, a...) }
	c.Successor = func(dst, a []byte) []byte { return append(dst, a...) }
	c.Compare = func(a, b []byte) int {
		an, bn := split(a), split(b)
		if order := bytes.Compare(a[:an], b[:bn]); order != 0 {
			return order
		}
		return compareValues(a[an:], b[bn:])
	}
	c.ComparePointSuffixes = compareValues
	c.CompareRangeSuffixes = compareValues
}

// Type bytes of Chai's key encoding. A descending value has 255 minus its type.
const (
	typeInt64, typeInt32, typeInt16, typeInt8     = 12, 13, 14, 15
	typeUint8, typeUint16, typeUint32, typeUint64 = 80, 81, 82, 83
	typeFloat64                                   = 90
	typeText, typeBytea                           = 98, 103
	lastAscending                                 = 127
)

// fixedWidth is the encoded length, type byte included, of a value that is not text or bytes.
func fixedWidth(kind byte) int {
	switch kind {
	case typeInt64, typeUint64, typeFloat64:
		return 9
	case typeInt32, typeUint32:
		return 5
	case typeInt16, typeUint16:
		return 3
	case typeInt8, typeUint8:
		return 2
	}
	return 1 // null, booleans and small integers are their type byte
}

// compareValues orders two sequences of encoded values. It gives -1, 0 or 1:
// Pebble looks for just these where it seeks among deleted ranges, and with
// others would take the keys behind a dropped table for part of it.
func compareValues(a, b []byte) int {
	for len(a) > 0 && len(b) > 0 {
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		kind, descending := a[0], false
		if kind > lastAscending {
			kind, descending = 255-kind, true
		}
		if len(a) == 1 || len(b) == 1 {
			break // the bound of a range may be a bare type byte
		}
		order, an, bn := compareValue(kind, a, b)
		if order != 0 && descending {
			return -order
		}
		if order != 0 {
			return order
		}
		a, b = a[an:], b[bn:]
	}
	return cmp.Compare(len(a), len(b))
}

// compareValue orders the first value of each key and tells how long it is.
func compareValue(kind byte, a, b []byte) (order, an, bn int) {
	if kind != typeText && kind != typeBytea {
		n := fixedWidth(kind)
		return bytes.Compare(a[1:n], b[1:n]), n, n
	}
	la, ha := binary.Uvarint(a[1:])
	lb, hb := binary.Uvarint(b[1:])
	an, bn = 1+ha+int(la), 1+hb+int(lb)
	return bytes.Compare(a[1+ha:an], b[1+hb:bn]), an, bn
}

// testComparer proves that the comparer Chai will use is the mended one.
func testComparer(c *pebble.Comparer) (err error) {
	defer recoverTo(&err)
	short, long := textKey(20), textKey(200)
	other := append(intKey(255), intKey(65536)...)
	for _, k := range [][]byte{short, long, other} {
		if !bytes.Equal(c.Separator(nil, k, k), k) || !bytes.Equal(c.Successor(nil, k), k) {
			return errors.New("the comparer still shortens keys")
		}
		if c.Compare(k, k) != 0 {
			return errors.New("the comparer does not find a key equal to itself")
		}
	}
	if sep := c.Separator([]byte("kept"), short, long); !bytes.Equal(sep, append([]byte("kept"), short...)) {
		return errors.New("the comparer's separator is not the smaller key")
	}
	if c.Compare(short, long) >= 0 || c.Compare(long, short) <= 0 {
		return fmt.Errorf("a text of 20 bytes does not sort before one of 200 bytes with the same start")
	}
	if bare := intKey(10); c.Compare(long, bare) != 1 || c.Compare(bare, long) != -1 {
		return errors.New("the comparer gives other numbers than -1, 0 and 1")
	}
	if c.ComparePointSuffixes(long[c.Split(long):], short[c.Split(short):]) <= 0 {
		return errors.New("the comparer's suffixes are not mended")
	}
	return nil
}

// textKey is the key of a row in namespace 10 whose primary key is a text of n bytes.
func textKey(n int) []byte {
	return append(appendLength(intKey(10), typeText, n), bytes.Repeat([]byte{'k'}, n)...)
}

// intKey encodes a number below 2^63 as Chai does, in the least width.
func intKey(n uint64) []byte { return appendInt(nil, int64(n)) }
