package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"chaisqld/engine"

	"golang.org/x/sys/unix"
)

// The commands of maintenance work on a directory that no server holds, print
// what they did on standard output, and end.

// errInterrupted: what was half made is gone again, or is gone on with the next time.
var errInterrupted = errors.New("stopped by a signal; run the command again")

// outputFlags are what all these commands have in common.
type outputFlags struct {
	JSON     bool   `name:"json" help:"Print the result as one line of JSON: {\"result\": …}."`
	Progress string `default:"none" enum:"none,json" help:"Tell how far it is: none, or json, which prints lines {\"progress\": {\"step\": …, \"done\": …, \"total\": …}}; done and total are bytes, total is an estimate, 0 when unknown."`
}

// maintenance is one such command.
type maintenance func(ctx context.Context, out *reporter) error

// maintenance finds the command among those that need no server; nil is none of them.
func (f *flags) maintenance(command string) func(ctx context.Context, stdout io.Writer) error {
	switch command {
	case "init":
		return func(ctx context.Context, w io.Writer) error { return initialize(ctx, &f.Init, w) }
	case "adopt":
		return func(ctx context.Context, w io.Writer) error { return adopt(ctx, &f.Adopt, w) }
	case "check":
		return func(ctx context.Context, w io.Writer) error { return check(ctx, &f.Check, w) }
	case "backup":
		return func(ctx context.Context, w io.Writer) error { return backup(ctx, &f.Backup, w) }
	case "restore":
		return func(ctx context.Context, w io.Writer) error { return restore(ctx, &f.Restore, w) }
	}
	return nil
}

// maintain runs it until a signal ends it.
func maintain(ctx context.Context, f outputFlags, stdout io.Writer, do maintenance) error {
	unix.Umask(0o077) // whatever is created is the user's alone
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := do(ctx, &reporter{w: stdout, flags: f})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	return err
}

// reporter writes progress and results in the form that was asked for.
type reporter struct {
	w     io.Writer
	flags outputFlags
	step  string
	told  time.Time
}

// progress is nil where nobody wants to hear it.
func (r *reporter) progress() engine.Progress {
	if r.flags.Progress != "json" {
		return nil
	}
	return func(step string, done, total int64) {
		now := time.Now()
		if step == r.step && done != total && now.Sub(r.told) < engine.ProgressEvery {
			return
		}
		r.step, r.told = step, now
		r.line(engine.NewProgressEvent(step, done, total))
	}
}

// result prints either the JSON or the text.
func (r *reporter) result(value any, text func(w io.Writer)) {
	if r.flags.JSON {
		r.line(map[string]any{"result": value})
		return
	}
	text(r.w)
}

func (r *reporter) line(value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain structures of ours
	}
	fmt.Fprintf(r.w, "%s\n", text)
}
