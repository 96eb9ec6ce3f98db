package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"chaisqld/pgerr"

	"github.com/cockroachdb/pebble/v2"
)

// The database that was written directly must be the one that Chai writes, byte
// by byte, after thousands of operations, many of which fail and roll back.
func TestDirectRowsAreWhatChaiWrites(t *testing.T) {
	direct, chai := open(t, Options{Dir: Memory}), open(t, Options{Dir: Memory, viaSQL: true})
	for _, e := range []*Engine{direct, chai} {
		if err := define(e, rowTables()...); err != nil {
			t.Fatal(err)
		}
	}
	r := values{rand.New(rand.NewPCG(1, 2))}
	keys := rowKeys(r, direct.Catalogue())
	done, failed := 0, 0
	for n := range 1500 {
		operations := make([]operation, 1+r.IntN(12))
		for i := range operations {
			operations[i] = r.operation(direct.Catalogue(), keys)
		}
		got, gotErr := transact(direct, operations)
		want, wantErr := transact(chai, operations)
		if codeOf(gotErr) != codeOf(wantErr) || !reflect.DeepEqual(got, want) {
			t.Fatalf("transaction %d: %+v\n directly %v, %v\n by Chai  %v, %v", n, operations, got, gotErr, want, wantErr)
		}
		if done += len(got); gotErr != nil {
			failed++
		}
		if n%100 == 99 {
			comparePebble(t, direct, chai)
			compareReads(t, direct, keys)
		}
	}
	mustBeWhole(t, direct)
	if done < 5000 || failed < 100 {
		t.Errorf("%d operations succeeded, %d transactions failed: too little was tried", done, failed)
	}
}

// Without this the test above could compare Chai with itself.
func TestDirectRowsNeedNoStatements(t *testing.T) {
	e := sessions(t, Options{})
	statements, table := countStatements(t, e), e.Catalogue().Table("sessions")
	var got []any
	err := e.Write(background, WriteRequest{Run: func(w Writer) (err error) {
		errs := []error{w.Insert(table, []any{"t", []byte("x"), epoch}), w.Insert(table, []any{"u", []byte("y"), epoch})}
		errs = append(errs, w.Update(table, "t", []int{1, 2}, []any{[]byte("z"), epoch.Add(time.Hour)}), w.Delete(table, "u"), w.Delete(table, "u"))
		got, err = w.Get(table, "t")
		return errors.Join(append(errs, err)...)
	}})
	if want := []any{"t", []byte("z"), epoch.Add(time.Hour)}; err != nil || *statements != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v after %d statements, and %v, want %v after none", got, *statements, err, want)
	}
	if n := count(t, e); n != 1 {
		t.Errorf("%d rows are left, want 1", n)
	}
	mustBeWhole(t, e)
}

// Rows can be reached directly in the transaction that makes their table, before and after an index comes.
func TestDirectRowsFollowTheTransactionsOwnSchema(t *testing.T) {
	e := open(t, Options{})
	insert := func(w Writer, key string) error {
		return w.Insert(w.Catalogue().Table("sessions"), []any{key, []byte{}, epoch})
	}
	err := e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
		return errors.Join(w.Define(sessionsDDL), insert(w, "before"), w.Define(expiryDDL), insert(w, "after"))
	}})
	if n := count(t, e); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want 2", n, err)
	}
	mustBeWhole(t, e)
}

// compareReads reads every row from the published snapshot in both ways.
func compareReads(t *testing.T, e *Engine, keys map[string][]any) {
	t.Helper()
	err := e.Read(background, func(r Reader) error {
		for name, pool := range keys {
			for _, key := range pool {
				direct, err := r.Get(r.Catalogue().Table(name), key)
				stated, stateErr := selectRow(r, r.Catalogue().Table(name), key)
				if err != nil || stateErr != nil || !reflect.DeepEqual(direct, stated) {
					t.Errorf("%s %v: directly %v, %v; by Chai %v, %v", name, key, direct, err, stated, stateErr)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func transact(e *Engine, operations []operation) (seen [][]any, err error) {
	err = e.Write(background, WriteRequest{Run: func(w Writer) error {
		seen = nil
		for _, o := range operations {
			row, err := o.run(w)
			if err != nil {
				return err
			}
			seen = append(seen, row)
		}
		return nil
	}})
	return seen, err
}

func codeOf(err error) string {
	var e *pgerr.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return fmt.Sprint(err)
}

// countStatements counts what Chai has to parse on the writer's connection.
func countStatements(t *testing.T, e *Engine) *int {
	n := new(int)
	err := e.Write(background, WriteRequest{Run: func(Writer) error {
		e.writer.conn.chai = countingConn{e.writer.conn.chai, n}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type countingConn struct {
	chaiConn
	n *int
}

func (c countingConn) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	*c.n++
	return c.chaiConn.ExecContext(ctx, sql, args)
}

func (c countingConn) QueryContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	*c.n++
	return c.chaiConn.QueryContext(ctx, sql, args)
}

func comparePebble(t *testing.T, a, b *Engine) {
	t.Helper()
	x, y := contents(t, a), contents(t, b)
	if slices.Equal(x, y) {
		return
	}
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			t.Fatalf("%d and %d pairs; pair %d is\n %s directly\n %s by Chai", len(x), len(y), i, x[i], y[i])
		}
	}
	t.Fatalf("%d pairs directly, %d by Chai", len(x), len(y))
}

// contents are all keys and values of Pebble.
func contents(t *testing.T, e *Engine) (pairs []string) {
	t.Helper()
	c, err := connect(e.connector)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	db, err := pebbleOf(c)
	if err != nil {
		t.Fatal(err)
	}
	it, err := db.NewIter(&pebble.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		pairs = append(pairs, fmt.Sprintf("%x = %x", it.Key(), it.Value()))
	}
	return pairs
}

func mustBeWhole(t *testing.T, e *Engine) {
	t.Helper()
	report, err := e.Check(background, nil)
	if err != nil || !report.OK() {
		t.Fatalf("the audit says %v, %+v", err, report)
	}
}

// A rolled back transaction leaves nothing, and a member of a group that fails takes no other with it.
func TestDirectRowsRollBackAndReplay(t *testing.T) {
	e := sessions(t, Options{})
	w := e.Catalogue().Table("sessions")
	row := func(token string) []any { return []any{token, []byte("x"), epoch} }
	held, hold, errs := make(chan struct{}), make(chan struct{}), make(chan error, 9)
	go func() {
		errs <- e.Write(background, WriteRequest{Run: func(Writer) error { close(held); <-hold; return nil }})
	}()
	<-held
	tokens := []string{"a", "b", "a", "c", "d", "b", "e", "f"}
	queued := func() int { e.queue.mu.Lock(); defer e.queue.mu.Unlock(); return len(e.queue.waiting) }
	for i, token := range tokens {
		go func() {
			errs <- e.Write(background, WriteRequest{Run: func(x Writer) error { return x.Insert(w, row(token)) }})
		}()
		eventually(t, "the request waits", func() bool { return queued() == i+1 })
	}
	close(hold)
	refused := 0
	for range len(tokens) + 1 {
		if err := <-errs; err != nil {
			wantCode(t, err, pgerr.UniqueViolation)
			refused++
		}
	}
	if n := count(t, e); refused != 2 || n != 6 {
		t.Errorf("%d were refused and %d are there, want 2 and 6", refused, n)
	}
	mustBeWhole(t, e)
}

// Chai refuses to change a row whose index entry is gone, and so it stays.
func TestDirectRowsRefuseABrokenIndex(t *testing.T) {
	e := sessions(t, Options{})
	table := e.Catalogue().Table("sessions")
	write := func(run func(w Writer) error) error { return e.Write(background, WriteRequest{Run: run}) }
	err := write(func(w Writer) error {
		return errors.Join(w.Insert(table, []any{"t", []byte{}, epoch}),
			w.Exec("INSERT INTO sessions (token, data, expiry) VALUES ($1, '', $2) ON CONFLICT DO REPLACE", []any{"t", epoch.Add(time.Hour)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, write(func(w Writer) error { return w.Delete(table, "t") }), pgerr.DataCorrupted)
	wantCode(t, write(func(w Writer) error { return w.Update(table, "t", []int{2}, []any{epoch}) }), pgerr.DataCorrupted)
}

// A table of an older catalogue may have been dropped and made again elsewhere.
func TestDirectRowsRefuseATableOfAnotherCatalogue(t *testing.T) {
	e := sessions(t, Options{})
	old := e.Catalogue().Table("sessions")
	if err := define(e, "DROP TABLE sessions", sessionsDDL); err != nil {
		t.Fatal(err)
	}
	wantCode(t, e.Read(background, func(r Reader) error { _, err := r.Get(old, "t"); return err }), pgerr.InternalError)
	wantCode(t, e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Delete(old, "t") }}), pgerr.InternalError)
}

// Where Chai's encoding is not the expected one, nothing is reached directly.
func TestDirectRowsAreGivenUpWhenChaiWritesOtherBytes(t *testing.T) {
	chai, err := registeredDriver()
	if err != nil {
		t.Fatal(err)
	}
	for what, upgrade := range map[string]func() func(){
		"another epoch":       func() func() { chaiEpoch++; return func() { chaiEpoch-- } },
		"another entry value": func() func() { entryValue[0]++; return func() { entryValue[0]-- } },
	} {
		connector, err := chai.OpenConnector(Memory)
		if err != nil {
			t.Fatal(err)
		}
		undo := upgrade()
		_, err = compareRows(connector, rowSamples)
		undo()
		if err == nil {
			t.Errorf("%s: not noticed", what)
		}
		if err := closeChai(connector, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := testDirectRows(); err != nil {
		t.Errorf("the rows of this version of Chai: %v", err)
	}
}

// Damaged rows are left to Chai; whatever the bytes, nothing panics.
func FuzzDecodeRow(f *testing.F) {
	columns := []Column{{Type: TypeText}, {Type: TypeBytea}, {Type: TypeDouble}, {Type: TypeTimestamp}, {Type: TypeInteger}, {Type: TypeBoolean}, {Type: TypeBigint}}
	good := []byte{typeText, 1, 'a', typeBytea, 0, typeFloat64, 1, 2, 3, 4, 5, 6, 7, 8, typeUint8, 9, typeInt16, 1, 2, typeTrue, typeNull}
	f.Add(good)
	for cut := range good {
		f.Add(good[:cut])
	}
	f.Add([]byte{typeText, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, stored []byte) {
		row, ok := decodeRow(columns, stored)
		if !ok {
			return
		}
		var again []byte
		for i, v := range row {
			if number, isFloat := v.(float64); isFloat && math.IsNaN(number) {
				return // Chai's encoding has bytes that are read as NaN and none that it is written as
			}
			var fits bool
			if again, fits = appendValue(again, &columns[i], v); !fits && columns[i].Type != TypeTimestamp {
				t.Fatalf("column %d: %v was read and cannot be written", i, v)
			}
		}
		if second, ok := decodeRow(columns, again); !ok || fmt.Sprint(second) != fmt.Sprint(row) {
			t.Fatalf("%v is read back as %v", row, second)
		}
	})
}
