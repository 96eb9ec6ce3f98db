package engine

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// repairBytes is the size of one step of a repair.
const repairBytes = 1 << 20

// RepairReport tells what was found, and what is left of it.
type RepairReport struct {
	Found *CheckReport `json:"found"`
	Left  *CheckReport `json:"left"`
}

// Repair mends the indexes of a database that no server holds. It writes the
// missing entries and deletes the stray ones, in small synced steps that each
// only bring the index nearer to its table: killed at any point, it is run
// again. REINDEX would not do: above 10 MB Chai writes it in parts, and a
// crash leaves the index half empty.
func Repair(ctx context.Context, o Options, progress Progress) (report *RepairReport, err error) {
	d, err := openMaintained(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := dropFileList(d.path); err != nil {
		return nil, err
	}
	err = throughChai(ctx, d.path, &o, func(c *conn, db *pebble.DB) error {
		if err := checkMarker(c, d); err != nil {
			return err
		}
		report, err = repairDatabase(ctx, db, progress)
		return err
	})
	return report, err
}

// repairDatabase needs a database in which nobody writes.
func repairDatabase(ctx context.Context, db *pebble.DB, progress Progress) (*RepairReport, error) {
	found, err := checkDatabase(ctx, db, progress)
	if err != nil || found.OK() {
		return &RepairReport{Found: found, Left: found}, err
	}
	if err := mend(ctx, db, found, progress); err != nil {
		return nil, err
	}
	left, err := checkDatabase(ctx, db, progress)
	return &RepairReport{Found: found, Left: left}, err
}

func mend(ctx context.Context, db *pebble.DB, found *CheckReport, progress Progress) (err error) {
	defer recoverTo(&err)
	snapshot := db.NewSnapshot()
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	catalogue, err := readStoredCatalogue(snapshot)
	if err != nil {
		return err
	}
	a := &audit{ctx: ctx, db: snapshot, catalogue: catalogue, progress: progress, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	a.estimate(db)
	for _, report := range found.Tables {
		if len(report.Problems) > 0 || report.Skipped != "" {
			continue // what the rows say must be beyond doubt
		}
		if err := a.mendTable(db, report); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) mendTable(db *pebble.DB, found *TableReport) error {
	t := a.catalogue.Table(found.stored)
	indexes, err := a.indexes(t, &TableReport{})
	if err != nil {
		return err
	}
	for _, x := range indexes {
		i := slices.IndexFunc(found.Indexes, func(r *IndexReport) bool { return r.stored == x.Name })
		if i < 0 || !mendable(found.Indexes[i]) {
			continue
		}
		if err := a.mendIndex(db, t, x); err != nil {
			return err
		}
	}
	return nil
}

// mendable: where entries cannot be read or found, nobody knows what is missing.
func mendable(r *IndexReport) bool {
	if len(r.Problems) == 0 {
		return false
	}
	return !slices.ContainsFunc(r.Problems, func(p *Problem) bool { return p.Kind == ProblemUnreadable || p.Kind == ProblemUnsorted })
}

func (a *audit) mendIndex(db *pebble.DB, t *Table, x *auditedIndex) (err error) {
	b := db.NewBatch()
	defer func() { err = errors.Join(err, b.Close()) }()
	err = a.missing(t, x, func(entry, _ []byte) error {
		return errors.Join(b.Set(entry, entryValue, nil), commitLarge(b))
	})
	if err != nil {
		return err
	}
	err = a.stray(t, x, func(entry, _ []byte) error {
		return errors.Join(b.Delete(entry, nil), commitLarge(b))
	})
	if err != nil || b.Empty() {
		return err
	}
	return b.Commit(pebble.Sync)
}

// commitLarge writes a batch that is large enough, and empties it.
func commitLarge(b *pebble.Batch) error {
	if b.Len() < repairBytes {
		return nil
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	b.Reset()
	return nil
}
