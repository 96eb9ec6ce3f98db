package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"chaisqld/pgerr"

	"github.com/cockroachdb/pebble/v2"
)

// BackupReport tells what a backup holds.
type BackupReport struct {
	Path  string `json:"path"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// Backup makes a consistent copy of the database while it is served: it holds
// every commit acknowledged before the call. Files that never change are hard
// links where the file system allows it. dest is an absolute path; it appears
// when the copy is whole and on the disk, and is a database directory itself.
func (e *Engine) Backup(ctx context.Context, dest string, progress Progress) (report *BackupReport, err error) {
	dest, err = e.backupPlace(dest)
	if err != nil {
		return nil, err
	}
	s, err := beginStaging(ctx, dest)
	if err != nil {
		return nil, backupError(dest, err)
	}
	list, err := e.checkpoint(ctx, s.path, progress)
	if err == nil {
		err = s.publish()
	}
	if err != nil {
		return nil, errors.Join(backupError(dest, err), s.discard())
	}
	return &BackupReport{Path: dest, Files: len(list.Files), Bytes: list.bytes()}, nil
}

// backupPlace checks the path before any I/O.
func (e *Engine) backupPlace(dest string) (string, error) {
	if e.directory == nil {
		return "", pgerr.New(pgerr.FeatureNotSupported, "a database in memory cannot be backed up")
	}
	if !filepath.IsAbs(dest) {
		return "", pgerr.New(pgerr.InvalidParameterValue, "backup path %q is not absolute", dest).
			WithHint("The server has a working directory of its own.")
	}
	dest = filepath.Clean(dest)
	if relative, err := filepath.Rel(e.directory.path, dest); err == nil && relative != ".." && !strings.HasPrefix(relative, "../") {
		return "", pgerr.New(pgerr.InvalidParameterValue, "backup path %s is inside the database directory", dest)
	}
	return dest, nil
}

// checkpoint fills the directory of a backup.
func (e *Engine) checkpoint(ctx context.Context, path string, progress Progress) (list *fileList, err error) {
	err = e.withPebble(ctx, func(ctx context.Context, db *pebble.DB) error {
		total := int64(db.Metrics().DiskSpaceUsage())
		done := int64(0)
		defer fatal.spare(path, func(name string) error {
			if info, err := os.Stat(name); err == nil {
				done += info.Size()
			}
			progress.report("copy", min(done, total), total)
			if ctx.Err() != nil {
				return canceled(ctx)
			}
			return nil
		})()
		return checkpoint(db, filepath.Join(path, pebbleName))
	})
	if err != nil {
		return nil, err
	}
	if list, err = e.listBackup(ctx, path, progress); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(e.directory.path, markerName))
	if err != nil {
		return nil, err
	}
	return list, errors.Join(writeFileList(path, list), writeSynced(filepath.Join(path, markerName), string(text)))
}

func checkpoint(db *pebble.DB, path string) (err error) {
	defer recoverTo(&err)
	return db.Checkpoint(path, pebble.WithFlushedWAL())
}

// listBackup sums the files whose damage Pebble would not notice.
func (e *Engine) listBackup(ctx context.Context, path string, progress Progress) (*fileList, error) {
	list, err := listFiles(path)
	if err != nil {
		return nil, err
	}
	list.ID = e.directory.id
	c := &copier{ctx: ctx, step: "sum", progress: progress}
	for i := range list.Files {
		f := &list.Files[i]
		if immutable(f.Name) {
			continue
		}
		c.total += f.Size
		if f.Sum, err = c.sumFile(filepath.Join(path, f.Name), f.Size); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (c *copier) sumFile(path string, size int64) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	return c.sum(io.Reader(in), path, size)
}

// backupError gives clients a SQLSTATE: what is wrong is in the place they named.
func backupError(dest string, err error) error {
	var known *pgerr.Error
	if errors.As(err, &known) {
		return known
	}
	code := pgerr.IOError
	switch {
	case errors.Is(err, ErrExists):
		code = pgerr.DuplicateFile
	case errors.Is(err, ErrLocked):
		return pgerr.New(pgerr.ObjectInUse, "another backup to %s is running", dest).WithCause(err)
	case errors.Is(err, os.ErrNotExist):
		code = pgerr.UndefinedFile
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		code = pgerr.DiskFull
	}
	return pgerr.New(code, "could not back up to %s: %s", dest, err).WithCause(fmt.Errorf("%w: %w", ErrCannotOpen, err))
}
