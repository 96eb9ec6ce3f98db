package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Restore makes o.Dir, which must not exist or be empty, a copy of a backup,
// or of a database that no server holds. Every byte is copied: links would let
// the two share files. The copy is verified, opened, checked, and where its
// indexes need it repaired, before the directory appears under its name.
func Restore(ctx context.Context, from string, o Options, progress Progress) (report *RepairReport, err error) {
	if err := prepareMaintenance(&o); err != nil {
		return nil, err
	}
	source := o
	source.Dir = from
	if from == "" {
		return nil, fmt.Errorf("%w: the backup's directory is not named", ErrNotADatabase)
	}
	d, err := openDirectory(ctx, &source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	dir, err := absolute(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := beginStaging(ctx, dir)
	if err != nil {
		return nil, err
	}
	r := &restore{ctx: ctx, o: &o, from: d, to: s, progress: progress}
	if err := r.run(); err != nil {
		return nil, errors.Join(copyError(dir, err), s.discard())
	}
	return r.report, s.publish()
}

type restore struct {
	ctx      context.Context
	o        *Options
	from     *directory
	to       *staging
	progress Progress
	report   *RepairReport
}

func (r *restore) run() error {
	return inSteps(r.o, step{"copied", r.copy}, step{"marked", r.mark}, step{"checked", r.check}, step{"synced", r.sync})
}

// copy compares what it reads with the backup's list.
func (r *restore) copy() error {
	l, err := listFiles(r.from.path)
	if err != nil {
		return err
	}
	want, err := readFileList(r.from.path)
	if err != nil {
		return err
	}
	if want != nil {
		if err := sameFiles(r.from.path, want, l); err != nil {
			return err
		}
	}
	if err := r.fits(l.bytes()); err != nil {
		return err
	}
	c := &copier{ctx: r.ctx, step: "copy", progress: r.progress}
	if err := c.copyAll(l, r.from.path, r.to.path); err != nil || want == nil {
		return err
	}
	for _, f := range want.Files {
		for _, g := range l.Files {
			if f.Name == g.Name && f.Sum != g.Sum {
				return fmt.Errorf("%w: %s of the backup %s is not as it was when the backup was made; use another backup", ErrDamaged, f.Name, r.from.path)
			}
		}
	}
	return nil
}

// fits looks at the free space before it is used up.
func (r *restore) fits(bytes int64) error {
	look := r.o.statfs
	if look == nil {
		look = statfs
	}
	free, _, err := look(r.to.path)
	if err == nil && free < bytes {
		return fmt.Errorf("%w: the backup has %d bytes, %d are free at %s; free disk space", ErrCannotOpen, bytes, free, filepath.Dir(r.to.path))
	}
	return nil
}

// made is the copy, as a database directory.
func (r *restore) made() *directory {
	return &directory{path: r.to.path, id: r.from.id, state: stateOurs}
}

func (r *restore) mark() error {
	return r.made().writeMarker(markerName)
}

// check opens the copy as a server would.
func (r *restore) check() error {
	d := r.made()
	err := throughChai(r.ctx, d.path, r.o, func(c *conn, db *pebble.DB) error {
		if err := checkMarker(c, d); err != nil {
			return err
		}
		report, err := repairDatabase(r.ctx, db, r.progress)
		r.report = report
		return err
	})
	if err != nil {
		return err
	}
	if !r.report.Left.OK() {
		return fmt.Errorf("%w: the backup %s: %s; use another backup", ErrDamaged, r.from.path, strings.Join(r.report.Left.Problems(), "; "))
	}
	return nil
}

// sync makes what Chai wrote as lasting as what was copied.
func (r *restore) sync() error {
	dir := filepath.Join(r.to.path, pebbleName)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return syncDirectory(dir)
}
