package engine

// Direct rows rest on how Chai lays rows out, which an upgrade may change. So
// what Chai writes into a database in memory is compared with what would be
// written here, once in a process; where they differ everything goes through SQL.

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"
)

// directRows says that rows can be reached directly.
type directRows struct {
	notFound error // what Chai's sessions wrap for a key that is not there
}

// use makes direct rows possible on a connection; changes are the writer's.
func (r *rowAccess) use(d *directRows, cache *rowCache, changes *rowChanges) {
	if d != nil {
		r.notFound, r.cache, r.changes = d.notFound, cache, changes
	}
}

// directRows is nil when direct rows are not to be used.
func (e *Engine) directRows() *directRows {
	if e.o.viaSQL {
		return nil
	}
	d, err := testDirectRows()
	if err != nil {
		e.log.Warn("rows are read and written by statements, which is slower: Chai stores them otherwise than expected", "reason", err)
		return nil
	}
	return d
}

var testDirectRows = sync.OnceValues(func() (d *directRows, err error) {
	defer recoverTo(&err)
	chai, err := registeredDriver()
	if err != nil {
		return nil, err
	}
	connector, err := chai.OpenConnector(Memory)
	if err != nil {
		return nil, err
	}
	d, err = compareRows(connector, rowSamples)
	return d, errors.Join(err, connector.(io.Closer).Close())
})

const sampleTable = `CREATE TABLE sample (k TEXT PRIMARY KEY, b BOOLEAN, i INTEGER, n BIGINT NOT NULL, d DOUBLE PRECISION, y BYTEA, t TIMESTAMP)`

var sampleStatements = []string{sampleTable,
	"CREATE INDEX sample_b ON sample (b)", "CREATE INDEX sample_i ON sample (i)", "CREATE INDEX sample_n ON sample (n)",
	"CREATE INDEX sample_d ON sample (d)", "CREATE INDEX sample_y ON sample (y)", "CREATE INDEX sample_t ON sample (t)"}

// rowSamples has each type at the edges of its widths.
var rowSamples = [][]any{
	{"", nil, nil, int64(0), nil, nil, nil},
	{"a", true, int64(-33), int64(math.MinInt64), 1.5, []byte{}, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)},
	{"ü", false, int64(32), int64(math.MaxInt64), -3.0, []byte{0, 255}, time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)},
	{string(bytes.Repeat([]byte{'k'}, 127)), true, int64(math.MinInt32), int64(-129), math.Inf(-1), bytes.Repeat([]byte{1}, 128), time.Date(2030, 6, 1, 12, 0, 0, 1000, time.UTC)},
	{string(bytes.Repeat([]byte{'k'}, 128)), nil, int64(math.MaxInt32), int64(256), -0.25, bytes.Repeat([]byte{1}, 127), nil},
	{"widths", nil, int64(65536), int64(-32769), 1e300, nil, time.Date(2001, 1, 1, 0, 0, 0, 1000, time.UTC)},
}

// compareRows lets Chai write rows and looks for them where they are expected.
func compareRows(connector driver.Connector, samples [][]any) (d *directRows, err error) {
	c, err := connect(connector)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.begin(false); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.rollback()) }()
	for _, ddl := range sampleStatements {
		if err := c.exec(ddl, nil); err != nil {
			return nil, err
		}
	}
	definitions, err := readDefinitions(c)
	if err != nil {
		return nil, err
	}
	t := parseCatalogue(1, definitions).Table("sample")
	if t == nil || t.layout == nil || len(t.layout.indexes) != len(sampleStatements)-1 {
		return nil, errors.New("the catalogue does not say where rows are")
	}
	if d, err = learn(c, t); err != nil {
		return nil, err
	}
	if c.openBatch() == nil {
		return nil, errors.New("the transaction has no batch")
	}
	for n, row := range samples {
		if err := c.compareRow(t, row); err != nil {
			return nil, fmt.Errorf("sample %d: %w", n, err)
		}
	}
	return d, nil
}

// learn finds out by which error Chai says that a key is not there.
func learn(c *conn, t *Table) (*directRows, error) {
	_, err := c.openSession().Get(t.appendRowKey(nil, []byte{typeText, 1, '?'}))
	d := &directRows{notFound: errors.Unwrap(err)}
	if d.notFound == nil {
		return nil, fmt.Errorf("a missing key is answered with %v", err)
	}
	c.rows.use(d, nil, nil)
	return d, nil
}

// compareRow has Chai insert a row, and then looks for its bytes and entries.
func (c *conn) compareRow(t *Table, row []any) error {
	if err := c.exec(t.insertSentence(), row); err != nil {
		return err
	}
	if !c.encodeRow(t, row) {
		return errors.New("it cannot be encoded")
	}
	stored, err := c.stored()
	if err != nil || !bytes.Equal(stored, c.rows.value) {
		return errors.Join(errors.New("the stored row differs"), err)
	}
	if decoded, ok := decodeRow(t.Columns, stored); !ok || !sameValues(decoded, row) {
		return errors.New("the stored row reads differently")
	}
	return c.eachEntry(t, c.rows.row, c.rows.key, nil, func(entry []byte) error {
		value, err := c.openSession().Get(entry)
		if err == nil && !bytes.Equal(value, entryValue) {
			err = errors.New("an index entry differs")
		}
		return err
	})
}

func sameValues(a, b []any) bool {
	for i := range a {
		x, ok := a[i].([]byte)
		y, both := b[i].([]byte)
		if ok != both || ok && !bytes.Equal(x, y) || !ok && a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}
