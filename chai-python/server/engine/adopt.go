package engine

// Adoption makes a chaisqld database of a directory that a Go program filled
// through Chai alone. Such a directory has no marker, and its indexes may be
// wrong: ON CONFLICT DO REPLACE, the usual upsert, forgets them.
//
// Every step can be killed and adoption run again: the look before anything is
// written changes nothing; a state file with the future id goes first; the copy
// gets its name only when it is whole; each step of the repair brings an index
// nearer to its table; the marker comes last.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const adoptingName = "chaisqld.adopting" // the marker's text while a directory is being adopted

const markerClear = "DELETE FROM __chaisqld"

// AdoptOptions configures Adopt.
type AdoptOptions struct {
	NoBackup         bool // make no copy of the data beforehand
	AllowUnsupported bool // adopt tables that cannot be served, too: they stay as they are
}

// AdoptReport tells what was done.
type AdoptReport struct {
	Already     bool         `json:"already"`          // it was a chaisqld database before
	Backup      string       `json:"backup,omitempty"` // the copy of the data as it was
	Unsupported []string     `json:"unsupported,omitempty"`
	Found       *CheckReport `json:"found"`
	Left        *CheckReport `json:"left"`
}

// Adopt checks, copies, repairs and marks the directory, then checks it again.
func Adopt(ctx context.Context, o Options, a AdoptOptions, progress Progress) (report *AdoptReport, err error) {
	if err := prepareMaintenance(&o); err != nil {
		return nil, err
	}
	d, err := openAdoptable(ctx, &o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	ad := &adoption{ctx: ctx, o: &o, options: a, directory: d, progress: progress, report: &AdoptReport{}}
	if d.state == stateOurs {
		ad.report.Already = true
		found, err := checkLocked(ctx, d.path, &o, progress)
		ad.report.Found, ad.report.Left = found, found
		return ad.report, err
	}
	return ad.report, ad.run()
}

// openAdoptable locks the directory and looks at what it is.
func openAdoptable(ctx context.Context, o *Options) (*directory, error) {
	path, err := absolute(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := makeDirectory(path, true); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(ctx, path, o.LockWait)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path, lock: lock}
	if err := d.inspectAdoptable(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *directory) inspectAdoptable() (err error) {
	if d.has(markerName) {
		return d.inspectOurs()
	}
	if d.has(creatingName) {
		return fmt.Errorf("%w: %s is being created; start chaisqld on it, which finishes that", ErrNotADatabase, d.path)
	}
	if manifests, _, err := d.manifests(); err != nil {
		return err
	} else if len(manifests) == 0 {
		return fmt.Errorf("%w: %s holds no Chai database (no %s/MANIFEST-*): there is nothing to adopt", ErrNotADatabase, d.path, pebbleName)
	}
	if d.id, err = readMarker(filepath.Join(d.path, adoptingName)); err != nil {
		d.id = rand.Text() // there was no adoption before, or it did not get further than this file
	}
	return nil
}

func (d *directory) has(name string) bool {
	_, err := os.Lstat(filepath.Join(d.path, name))
	return err == nil
}

type adoption struct {
	ctx       context.Context
	o         *Options
	options   AdoptOptions
	directory *directory
	progress  Progress
	report    *AdoptReport
}

func (a *adoption) run() error {
	return inSteps(a.o, step{"look", a.look}, step{"begin", a.begin}, step{"copy", a.copy}, step{"repair", a.repair},
		step{"mark", a.mark}, step{"check", a.check})
}

// look refuses what cannot be adopted before anything is changed.
func (a *adoption) look() error {
	var catalogue *storedCatalogue
	err := readOnly(a.ctx, a.directory.path, a.o, func(db *pebble.DB) (err error) {
		if catalogue, err = readStoredCatalogue(db); err != nil {
			return err
		}
		a.report.Found, err = checkDatabase(a.ctx, db, a.progress)
		return err
	})
	if err != nil {
		return a.refused(err)
	}
	for _, t := range catalogue.Tables() {
		if t.Unsupported != "" {
			a.report.Unsupported = append(a.report.Unsupported, "table "+ShownName(t.Name)+": "+t.Unsupported)
		}
	}
	if len(a.report.Unsupported) > 0 && !a.options.AllowUnsupported {
		return fmt.Errorf("%w: %s: %s; nothing was changed; drop what stands in the way, or allow unsupported tables: they stay as they are",
			ErrUnservable, a.directory.path, strings.Join(a.report.Unsupported, "; "))
	}
	if !a.report.Found.repairable() {
		return fmt.Errorf("%w beyond repair: %s: %s; nothing was changed; restore an older copy, or let the program that made it write its rows into a new one",
			ErrDamaged, a.directory.path, strings.Join(a.report.Found.Problems(), "; "))
	}
	return nil
}

// refused explains an error of Pebble's to somebody whose program made the directory.
func (a *adoption) refused(err error) error {
	if !errors.Is(err, ErrDamaged) {
		var p *panicError
		if !errors.As(err, &p) {
			return err
		}
	}
	return fmt.Errorf("%w: %w: %s cannot be read. Chai v0.18 by itself can write such files when a read was open during updates; "+
		"nothing was changed; restore a copy from before", ErrDamaged, err, a.directory.path)
}

// begin says that whatever is in the directory from now on may be half adopted.
func (a *adoption) begin() error {
	return a.directory.writeMarker(adoptingName)
}

// copy keeps the data as the Go program left it, tables as hard links. The
// lock keeps such a program out.
func (a *adoption) copy() (err error) {
	if a.options.NoBackup {
		return nil
	}
	final := a.directory.path + ".before-adopt-" + strings.ToLower(a.directory.id[:8])
	a.report.Backup = final
	if _, err := os.Lstat(final); err == nil {
		return nil // an attempt before this one came so far
	}
	var lock *pebble.Lock
	err = retryLocked(a.ctx, a.o.LockWait, func() (err error) {
		lock, err = pebble.LockDirectory(filepath.Join(a.directory.path, pebbleName), vfs.Default)
		return err
	})
	if errors.Is(err, syscall.EAGAIN) {
		return lockedError(a.directory.path, a.o.LockWait)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return copyDatabase(a.ctx, a.directory.path, final, a.progress)
}

// copyDatabase copies the data of a database that nobody has open.
func copyDatabase(ctx context.Context, from, final string, progress Progress) error {
	s, err := beginStaging(ctx, final)
	if err != nil {
		return err
	}
	l, err := listFiles(from)
	if err == nil {
		err = (&copier{ctx: ctx, step: "copy", progress: progress, link: true}).copyAll(l, from, s.path)
	}
	if err != nil {
		return errors.Join(copyError(final, err), s.discard())
	}
	return s.publish()
}

// copyError gives an I/O error of a copy its place in the exit codes.
func copyError(path string, err error) error {
	for _, known := range []error{ErrCannotOpen, ErrDamaged, ErrNotADatabase, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: copy to %s: %w; check permissions and free space", ErrCannotOpen, path, err)
}

// repair mends the indexes with what Chai's own recovery has undone before.
func (a *adoption) repair() error {
	err := throughChai(a.ctx, a.directory.path, a.o, func(_ *conn, db *pebble.DB) error {
		repaired, err := repairDatabase(a.ctx, db, a.progress)
		if err != nil {
			return err
		}
		a.report.Found, a.report.Left = repaired.Found, repaired.Left
		return nil
	})
	if err != nil {
		return err
	}
	return a.mustBeClean("the repair")
}

func (a *adoption) mustBeClean(after string) error {
	if a.report.Left.OK() {
		return nil
	}
	return fmt.Errorf("%w: after %s there is left in %s: %s; it is not adopted; the data as it was is in %s",
		ErrDamaged, after, a.directory.path, strings.Join(a.report.Left.Problems(), "; "), a.report.Backup)
}

// mark writes the id into the database, then gives the state file the marker's name.
func (a *adoption) mark() error {
	d := a.directory
	err := throughChai(a.ctx, d.path, a.o, func(c *conn, _ *pebble.DB) error {
		return c.writing(func() error {
			if err := errors.Join(c.exec(markerCreate, nil), c.exec(markerClear, nil)); err != nil {
				return err
			}
			return c.exec(markerInsert, []any{d.id})
		})
	})
	if err != nil {
		return err
	}
	a.o.step("inserted")
	return d.becomeOurs(adoptingName)
}

// check opens what was made as if it came from somebody else.
func (a *adoption) check() (err error) {
	if a.report.Left, err = checkLocked(a.ctx, a.directory.path, a.o, a.progress); err != nil {
		return err
	}
	return a.mustBeClean("the adoption")
}
