package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"chaisqld/engine"
)

type initFlags struct {
	Dir string `required:"" placeholder:"DIR" help:"Directory of the new database: absent, its parent there, or empty."`
}

// initialize creates a database where none is.
func initialize(ctx context.Context, f *initFlags, stdout io.Writer) error {
	if err := realDirectory(f.Dir); err != nil {
		return err
	}
	return maintain(ctx, outputFlags{}, stdout, func(ctx context.Context, _ *reporter) error {
		if err := engine.Create(ctx, engine.Options{Dir: f.Dir}); err != nil {
			return err
		}
		_, err := fmt.Fprintln(stdout, "created", f.Dir)
		return err
	})
}

// realDirectory refuses what serve takes and these commands cannot.
func realDirectory(dir string) error {
	switch dir {
	case "":
		return usageError{errors.New("--dir is empty: name a directory")}
	case engine.Memory:
		return usageError{fmt.Errorf("--dir %s: a database in memory is served alone", dir)}
	}
	return nil
}
