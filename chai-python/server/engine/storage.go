package engine

// How Chai lays tables and indexes out in Pebble, as far as an audit must know:
//
//	row     namespace of the table, primary key values  ->  the columns' values, in order
//	entry   namespace of the index, indexed values, the row's key as bytes  ->  {0}
//
// Chai's own index scans end without an error where a file is damaged, its
// lookups walk all equal keys, and REINDEX rewrites everything in a
// transaction that does not survive a crash above 10 MB. Read at this level
// instead, a million rows are compared with their indexes in seconds, in
// constant memory, without a lock, and a repair touches what is wrong alone.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Namespaces that Chai keeps for itself.
const (
	catalogNamespace  = 1
	rollbackNamespace = 3
)

const (
	typeNull, typeFalse, typeTrue = 2, 5, 6
	smallIntZero                  = 48 // type bytes 16 to 79 are the integers -32 to 31
)

// entryValue is what Chai stores under an index entry.
var entryValue = []byte{0}

// storedCatalogue is the catalogue as of a Pebble snapshot, and where its tables and indexes are.
type storedCatalogue struct {
	*Catalogue
	namespaces map[string]uint64 // by lower-case name
}

func (c *storedCatalogue) namespace(name string) uint64 { return c.namespaces[strings.ToLower(name)] }

// readStoredCatalogue reads the rows of __chai_catalog: name, type, namespace,
// sql, rowid_sequence_name, owner_table_name, owner_table_columns.
func readStoredCatalogue(db pebble.Reader) (*storedCatalogue, error) {
	c := &storedCatalogue{namespaces: make(map[string]uint64)}
	var definitions []definition
	err := eachPair(db, catalogNamespace, func(_, value []byte) error {
		v, err := splitRow(nil, value, 7)
		if err != nil {
			return fmt.Errorf("catalogue: %w", err)
		}
		d := definition{name: textOf(v[0]), kind: textOf(v[1]), sql: textOf(v[3]), owner: textOf(v[5])}
		if strings.HasPrefix(d.name, internalPrefix) {
			return nil
		}
		definitions = append(definitions, d)
		c.namespaces[strings.ToLower(d.name)] = uint64(intOf(v[2]))
		return nil
	})
	c.Catalogue = parseCatalogue(1, definitions)
	return c, err
}

// eachPair hands out a namespace's keys and values, valid during the call.
func eachPair(db pebble.Reader, namespace uint64, visit func(key, value []byte) error) (err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: intKey(namespace), UpperBound: intKey(namespace + 1)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := visit(it.Key(), value); err != nil {
			return err
		}
	}
	return nil // Close returns the iterator's error
}

// rollbackPending tells whether a transaction that Chai wrote in parts was cut
// short; Chai undoes it when it opens the database.
func rollbackPending(db pebble.Reader) (pending bool, err error) {
	err = eachPair(db, rollbackNamespace, func([]byte, []byte) error {
		pending = true
		return Stop
	})
	if errors.Is(err, Stop) {
		err = nil
	}
	return pending, err
}

var errCutShort = errors.New("the stored values are cut short or of an unknown type")

// splitRow appends the encoded values of a row to into.
func splitRow(into [][]byte, row []byte, columns int) ([][]byte, error) {
	for range columns {
		n := valueWidth(row)
		if n == 0 {
			return nil, errCutShort
		}
		into, row = append(into, row[:n]), row[n:]
	}
	if len(row) > 0 {
		return nil, errCutShort
	}
	return into, nil
}

// valueWidth is the length of the first encoded value, 0 when there is none.
func valueWidth(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	width := 0
	switch kind := b[0]; {
	case kind == typeText || kind == typeBytea:
		length, n := binary.Uvarint(b[1:])
		if n <= 0 || length > uint64(len(b)) {
			return 0
		}
		width = 1 + n + int(length)
	case kind == typeNull, kind == typeFalse, kind == typeTrue, kind == typeFloat64,
		kind >= typeInt64 && kind <= typeUint64:
		width = fixedWidth(kind)
	}
	if width > len(b) {
		return 0
	}
	return width
}

// appendKeyValue appends a stored value as it stands in keys. Only doubles
// differ: in rows those without a fraction are stored as integers.
func appendKeyValue(dst []byte, t Type, value []byte) []byte {
	if t != TypeDouble || value[0] == typeNull || value[0] == typeFloat64 {
		return append(dst, value...)
	}
	return appendKeyFloat(dst, float64(intOf(value)))
}

// appendEntry appends the key of the index entry for a row.
func appendEntry(dst, prefix []byte, columns []int, table *Table, row [][]byte, key []byte) []byte {
	dst = append(dst, prefix...)
	for _, i := range columns {
		dst = appendKeyValue(dst, table.Columns[i].Type, row[i])
	}
	return append(appendLength(dst, typeBytea, len(key)), key...)
}

// rowKeyOf takes the row's key from the end of an index entry, nil when the
// entry is none. values are the indexed values before it.
func rowKeyOf(entry []byte, prefix, arity int) (values, key []byte) {
	rest := entry[prefix:]
	for range arity {
		n := valueWidth(rest)
		if n == 0 {
			return nil, nil
		}
		rest = rest[n:]
	}
	if valueWidth(rest) != len(rest) || len(rest) == 0 || rest[0] != typeBytea {
		return nil, nil
	}
	return entry[prefix : len(entry)-len(rest)], payload(rest)
}

func textOf(value []byte) string {
	if value[0] != typeText {
		return ""
	}
	return string(payload(value))
}

// intOf decodes an integer; negative ones are stored with their sign bit turned.
func intOf(value []byte) int64 {
	switch value[0] {
	case typeUint8:
		return int64(value[1])
	case typeUint16:
		return int64(binary.BigEndian.Uint16(value[1:]))
	case typeUint32:
		return int64(binary.BigEndian.Uint32(value[1:]))
	case typeUint64:
		return int64(binary.BigEndian.Uint64(value[1:]))
	case typeInt8:
		return int64(value[1]) - 1<<7
	case typeInt16:
		return int64(binary.BigEndian.Uint16(value[1:])) - 1<<15
	case typeInt32:
		return int64(binary.BigEndian.Uint32(value[1:])) - 1<<31
	case typeInt64:
		return int64(binary.BigEndian.Uint64(value[1:]) ^ 1<<63)
	}
	return int64(value[0]) - smallIntZero
}
