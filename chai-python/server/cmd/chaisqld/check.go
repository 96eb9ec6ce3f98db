package main

import (
	"context"
	"fmt"
	"io"

	"chaisqld/engine"
)

type checkFlags struct {
	Dir    string `required:"" placeholder:"DIR" help:"Database directory or backup that no server holds."`
	Repair bool   `help:"Mend the indexes: add the missing entries, delete the stray ones."`
	outputFlags
}

// check compares every table with its indexes.
func check(ctx context.Context, f *checkFlags, stdout io.Writer) error {
	if err := realDirectory(f.Dir); err != nil {
		return err
	}
	return maintain(ctx, f.outputFlags, stdout, func(ctx context.Context, out *reporter) error {
		options := engine.Options{Dir: f.Dir}
		if f.Repair {
			return repair(ctx, options, out)
		}
		report, err := engine.CheckDirectory(ctx, options, out.progress())
		if err != nil {
			return err
		}
		out.result(report, func(w io.Writer) { printTables(w, report) })
		return damaged(f.Dir, report)
	})
}

func repair(ctx context.Context, o engine.Options, out *reporter) error {
	report, err := engine.Repair(ctx, o, out.progress())
	if err != nil {
		return err
	}
	out.result(report, func(w io.Writer) {
		if report.Left.OK() {
			printProblems(w, "repaired: ", report.Found)
		}
		printTables(w, report.Left)
	})
	return damaged(o.Dir, report.Left)
}

// damaged gives an audit its exit code.
func damaged(dir string, r *engine.CheckReport) error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("%w: %s: %d problems; chaisqld check --repair mends indexes, a backup the rest", engine.ErrDamaged, dir, len(r.Problems()))
}

// printTables writes a line for each table, and one for each problem.
func printTables(w io.Writer, r *engine.CheckReport) {
	for _, t := range r.Tables {
		if t.Skipped != "" {
			fmt.Fprintf(w, "table %s: not looked at: %s\n", t.Name, t.Skipped)
			continue
		}
		fmt.Fprintf(w, "table %s: %d rows, %d indexes: %s\n", t.Name, t.Rows, len(t.Indexes), verdict(t))
	}
	printProblems(w, "", r)
}

func verdict(t *engine.TableReport) string {
	if r := (&engine.CheckReport{Tables: []*engine.TableReport{t}}); !r.OK() {
		return "damaged"
	}
	return "ok"
}

func printProblems(w io.Writer, prefix string, r *engine.CheckReport) {
	for _, line := range r.Problems() {
		fmt.Fprintf(w, "%s%s\n", prefix, line)
	}
}
