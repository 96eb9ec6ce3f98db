package engine

// Maintenance opens a directory without an engine: to look at it while nothing
// changes, or to change what only an otherwise idle database allows.

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

// prepareMaintenance checks the options and the shims as Open does.
func prepareMaintenance(o *Options) error {
	o.setDefaults()
	o.MustExist = true
	if err := o.validate(); err != nil {
		return err
	}
	if o.Dir == Memory {
		return fmt.Errorf("%w: a database in memory has no directory", ErrNotADatabase)
	}
	return selfTest()
}

// openMaintained opens the directory of a database that no server holds.
func openMaintained(ctx context.Context, o *Options) (*directory, error) {
	if err := prepareMaintenance(o); err != nil {
		return nil, err
	}
	return openDirectory(ctx, o)
}

// step is a part of an operation that can be killed and run again.
type step struct {
	name string
	do   func() error
}

func inSteps(o *Options, steps ...step) error {
	for _, s := range steps {
		if err := s.do(); err != nil {
			return err
		}
		o.step(s.name)
	}
	return nil
}

// CheckDirectory audits a database that no server holds, and changes nothing
// in it. In a backup it compares the files with the backup's list as well.
func CheckDirectory(ctx context.Context, o Options, progress Progress) (report *CheckReport, err error) {
	d, err := openMaintained(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := verifyFileList(ctx, d.path, progress); err != nil {
		return nil, err
	}
	report, err = checkLocked(ctx, d.path, &o, progress)
	if pebble.IsCorruptionError(err) { // where Chai keeps its catalogue: without that there is nothing to compare
		err = damagedError(d.path, err)
	}
	return report, err
}

// checkLocked reads without writing, unless a transaction that was cut short
// must be undone first, which is for Chai to do.
func checkLocked(ctx context.Context, path string, o *Options, progress Progress) (report *CheckReport, err error) {
	pending := false
	err = readOnly(ctx, path, o, func(db *pebble.DB) (err error) {
		if pending, err = rollbackPending(db); err != nil || pending {
			return err
		}
		report, err = checkDatabase(ctx, db, progress)
		return err
	})
	if err != nil || !pending {
		return report, err
	}
	err = throughChai(ctx, path, o, func(_ *conn, db *pebble.DB) (err error) {
		report, err = checkDatabase(ctx, db, progress)
		return err
	})
	return report, err
}

// readOnly opens Pebble so that it writes nothing: no recovery to the disk, no
// compactions.
func readOnly(ctx context.Context, path string, o *Options, fn func(*pebble.DB) error) (err error) {
	var db *pebble.DB
	err = retryLocked(ctx, o.LockWait, func() (err error) {
		defer recoverTo(&err)
		db, err = pebble.Open(filepath.Join(path, pebbleName), &pebble.Options{
			ReadOnly: true, Comparer: chaiComparer, FormatMajorVersion: pebble.FormatValueSeparation, Logger: silent{},
		})
		return err
	})
	if err != nil {
		return openError(path, o.LockWait, err)
	}
	defer func() { err = errors.Join(err, closePebble(db)) }()
	return fn(db)
}

func closePebble(db *pebble.DB) (err error) {
	defer recoverTo(&err)
	return db.Close()
}

// silent is Pebble's logger where nothing is written. It reports damaged files
// as fatal; here they come as errors as well, which the audit counts.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}

// throughChai opens the database with Chai, which undoes what was cut short,
// but without an engine: no transaction is open.
func throughChai(ctx context.Context, path string, o *Options, fn func(*conn, *pebble.DB) error) (err error) {
	connector, err := openChai(ctx, path, o.LockWait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeChai(connector, o.CloseWait)) }()
	return withConnection(connector, func(c *conn) error {
		db, err := pebbleOf(c)
		if err != nil {
			return err
		}
		return fn(c, db)
	})
}

func withConnection(connector driver.Connector, fn func(*conn) error) (err error) {
	c, err := connect(connector)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return fn(c)
}

// dropFileList: from now on the files change, so it is no backup any more.
func dropFileList(path string) error {
	err := os.Remove(filepath.Join(path, listName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w; check its permissions", ErrCannotOpen, err)
	}
	return nil
}
