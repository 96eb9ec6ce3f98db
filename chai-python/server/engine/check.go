package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// checkEvery is how many keys are read between two looks at the context.
const checkEvery = 1000

// Check compares every table with each of its indexes on one snapshot, while
// reads and writes go on. Damage is in the report, not in the error.
func (e *Engine) Check(ctx context.Context, progress Progress) (*CheckReport, error) {
	var report *CheckReport
	err := e.withPebble(ctx, func(ctx context.Context, db *pebble.DB) (err error) {
		report, err = checkDatabase(ctx, db, progress)
		return err
	})
	return report, err
}

// withPebble gives fn Pebble itself, and a context that ends with the engine.
// The reader that is held meanwhile makes Close wait.
func (e *Engine) withPebble(ctx context.Context, fn func(context.Context, *pebble.DB) error) error {
	c, err := e.readers.acquire(ctx, shortRead)
	if err != nil {
		return err
	}
	defer e.readers.release(c)
	db, err := pebbleOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.life, func() { cancel(errShutdown) })()
	return fn(ctx, db)
}

// checkDatabase audits what Pebble holds at this moment.
func checkDatabase(ctx context.Context, db *pebble.DB, progress Progress) (report *CheckReport, err error) {
	defer recoverTo(&err)
	snapshot := db.NewSnapshot()
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	catalogue, err := readStoredCatalogue(snapshot)
	if err != nil {
		return nil, err
	}
	a := &audit{ctx: ctx, db: snapshot, catalogue: catalogue, progress: progress, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	a.estimate(db)
	report = &CheckReport{Tables: []*TableReport{}}
	for _, t := range catalogue.Tables() {
		result, err := a.table(t)
		if err != nil {
			return nil, fmt.Errorf("check table %s: %w", ShownName(t.Name), err)
		}
		report.Tables = append(report.Tables, result)
	}
	progress.report("check", a.total, a.total)
	return report, nil
}

// audit is one run over a snapshot.
type audit struct {
	ctx       context.Context
	db        pebble.Reader
	catalogue *storedCatalogue
	seeds     [2]maphash.Seed

	progress    Progress
	read        int
	done, total int64
}

// estimate asks Pebble for the size of what is to be read.
func (a *audit) estimate(db *pebble.DB) {
	for _, namespace := range a.catalogue.namespaces {
		if size, err := db.EstimateDiskUsage(intKey(namespace), intKey(namespace+1)); err == nil {
			a.total += int64(size)
		}
	}
}

// step counts what was read, and ends the audit with its context.
func (a *audit) step(key, value []byte) error {
	a.done += int64(len(key) + len(value))
	a.total = max(a.total, a.done)
	if a.read++; a.read%checkEvery != 0 {
		return nil
	}
	a.progress.report("check", a.done, a.total)
	if a.ctx.Err() != nil {
		return canceled(a.ctx)
	}
	return nil
}

// digest stands for a set of keys, in any order: two sets with the same digest
// are the same. The seeds are secret, so no data can be made to collide.
type digest struct {
	count int64
	sums  [2]uint64
}

func (a *audit) add(d *digest, key []byte) {
	d.count++
	for i, seed := range a.seeds {
		d.sums[i] += maphash.Bytes(seed, key)
	}
}

// auditedIndex is an index with what its table says it should hold.
type auditedIndex struct {
	*Index
	columns []int // positions in the table
	prefix  []byte
	report  *IndexReport
	want    digest
}

// table walks the rows once and every index once; only where they differ it
// looks for the rows and entries that do.
func (a *audit) table(t *Table) (*TableReport, error) {
	report := &TableReport{Name: ShownName(t.Name), Skipped: t.unreadable, stored: t.Name}
	if report.Skipped != "" {
		return report, nil
	}
	indexes, err := a.indexes(t, report)
	if err != nil {
		return nil, err
	}
	err = a.rows(t, report, func(row [][]byte, key []byte) {
		for _, x := range indexes {
			a.add(&x.want, appendEntry(nil, x.prefix, x.columns, t, row, key))
		}
	})
	for _, x := range indexes {
		if err != nil {
			return nil, err
		}
		err = a.index(t, x, report)
	}
	return report, err
}

func (a *audit) indexes(t *Table, report *TableReport) (list []*auditedIndex, err error) {
	for i := range t.Indexes {
		index := &t.Indexes[i]
		x := &auditedIndex{Index: index, report: &IndexReport{Name: ShownName(index.Name), Skipped: index.unreadable, stored: index.Name}}
		report.Indexes = append(report.Indexes, x.report)
		if x.report.Skipped != "" {
			continue
		}
		x.prefix = intKey(a.catalogue.namespace(x.Name))
		if x.columns, err = t.positions(x.Columns); err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// positions finds columns by name.
func (t *Table) positions(names []string) (list []int, err error) {
	for _, name := range names {
		i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: it has no column %s", ErrDamaged, ShownName(name))
		}
		list = append(list, i)
	}
	return list, nil
}

// rows walks a table, judges each row, and hands it to visit.
func (a *audit) rows(t *Table, report *TableReport, visit func(row [][]byte, key []byte)) error {
	var buffer [][]byte
	keyColumns, err := t.positions(t.PrimaryKey)
	if err != nil {
		return err
	}
	prefix := intKey(a.catalogue.namespace(t.Name))
	report.partial, err = a.walk(a.catalogue.namespace(t.Name), &report.Problems, func(key, value []byte) {
		report.Rows++
		row, err := splitRow(buffer[:0], value, len(t.Columns))
		if err != nil {
			note(&report.Problems, ProblemUnreadable, key, err.Error())
			return
		}
		buffer = row
		if !t.underOwnKey(row, key, prefix, keyColumns) {
			note(&report.Problems, ProblemMismatch, key, "")
		}
		visit(row, key)
	})
	return err
}

// underOwnKey compares a row's key with its columns. Minus zero is a key of
// its own but stored as zero, so doubles are left out.
func (t *Table) underOwnKey(row [][]byte, key, prefix []byte, columns []int) bool {
	own := slices.Clone(prefix)
	for _, i := range columns {
		if t.Columns[i].Type == TypeDouble {
			return true
		}
		own = append(own, row[i]...)
	}
	return bytes.Equal(own, key)
}

// walk visits a namespace in order, notes keys that are not, and what cannot
// be read: partial, because the rest of the namespace is not seen then.
func (a *audit) walk(namespace uint64, problems *[]*Problem, visit func(key, value []byte)) (partial bool, err error) {
	var last []byte
	var stopped error
	err = eachPair(a.db, namespace, func(key, value []byte) error {
		if last != nil && chaiComparer.Compare(last, key) >= 0 {
			note(problems, ProblemUnsorted, key, "")
		}
		last = append(last[:0], key...)
		visit(key, value)
		stopped = a.step(key, value)
		return stopped
	})
	if err != nil && stopped == nil {
		note(problems, ProblemUnreadable, nil, firstLine(err))
		return true, nil
	}
	return false, err
}

// firstLine leaves out the details that Pebble's errors carry below it.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
