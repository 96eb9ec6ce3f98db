package main

import (
	"context"
	"fmt"
	"io"

	"chaisqld/engine"
)

type adoptFlags struct {
	Dir              string `required:"" placeholder:"DIR" help:"Directory that a Go program made with Chai v0.18; the program must not run."`
	Backup           bool   `default:"true" negatable:"" help:"Copy the data next to the directory first; tables are hard links, so that it costs little space."`
	AllowUnsupported bool   `help:"Adopt a database with tables that cannot be served; they stay as they are."`
	outputFlags
}

// adopt makes a chaisqld database of it.
func adopt(ctx context.Context, f *adoptFlags, stdout io.Writer) error {
	if err := realDirectory(f.Dir); err != nil {
		return err
	}
	return maintain(ctx, f.outputFlags, stdout, func(ctx context.Context, out *reporter) error {
		options := engine.AdoptOptions{NoBackup: !f.Backup, AllowUnsupported: f.AllowUnsupported}
		report, err := engine.Adopt(ctx, engine.Options{Dir: f.Dir}, options, out.progress())
		if err != nil {
			return err
		}
		out.result(report, func(w io.Writer) { printAdoption(w, f.Dir, report) })
		return damaged(f.Dir, report.Left)
	})
}

func printAdoption(w io.Writer, dir string, r *engine.AdoptReport) {
	if r.Already {
		fmt.Fprintf(w, "%s is a chaisqld database already\n", dir)
	} else {
		printProblems(w, "repaired: ", r.Found)
	}
	for _, text := range r.Unsupported {
		fmt.Fprintf(w, "not served: %s\n", text)
	}
	printTables(w, r.Left)
	if r.Backup != "" {
		fmt.Fprintf(w, "the data as it was: %s\n", r.Backup)
	}
	if !r.Already {
		fmt.Fprintf(w, "adopted %s\n", dir)
	}
}
