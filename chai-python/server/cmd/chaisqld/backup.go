package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"chaisqld/engine"
)

type backupFlags struct {
	Dir string `required:"" placeholder:"DIR" help:"Database directory that no server holds; a running server makes the backup itself."`
	To  string `required:"" placeholder:"DEST" help:"Directory of the backup: absent or empty."`
	outputFlags
}

// backup copies a database that is not served.
func backup(ctx context.Context, f *backupFlags, stdout io.Writer) error {
	if err := realDirectory(f.Dir); err != nil {
		return err
	}
	to, err := filepath.Abs(f.To)
	if err != nil || f.To == "" {
		return usageError{errors.New("--to is empty: name a directory")}
	}
	return maintain(ctx, f.outputFlags, stdout, func(ctx context.Context, out *reporter) error {
		db, err := engine.Open(ctx, engine.Options{Dir: f.Dir, MustExist: true})
		if err != nil {
			return err
		}
		report, err := db.Backup(ctx, to, out.progress())
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
		out.result(report, func(w io.Writer) {
			fmt.Fprintf(w, "backed up %s to %s: %d files, %d bytes\n", f.Dir, report.Path, report.Files, report.Bytes)
		})
		return nil
	})
}
