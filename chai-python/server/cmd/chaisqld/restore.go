package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"chaisqld/engine"
)

type restoreFlags struct {
	From string `required:"" placeholder:"BACKUP" help:"Backup, or a database directory that no server holds."`
	Dir  string `required:"" placeholder:"NEW" help:"Directory of the database: absent or empty."`
	outputFlags
}

// restore makes a database of a backup.
func restore(ctx context.Context, f *restoreFlags, stdout io.Writer) error {
	if err := realDirectory(f.Dir); err != nil {
		return err
	}
	if f.From == "" {
		return usageError{errors.New("--from is empty: name a backup")}
	}
	return maintain(ctx, f.outputFlags, stdout, func(ctx context.Context, out *reporter) error {
		report, err := engine.Restore(ctx, f.From, engine.Options{Dir: f.Dir}, out.progress())
		if err != nil {
			return err
		}
		out.result(report, func(w io.Writer) {
			printProblems(w, "repaired: ", report.Found)
			printTables(w, report.Left)
			fmt.Fprintf(w, "restored %s to %s\n", f.From, f.Dir)
		})
		return nil
	})
}
