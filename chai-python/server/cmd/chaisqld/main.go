// Command chaisqld serves one Chai database directory to PostgreSQL clients on
// a Unix socket, and over TCP with TLS.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"chaisqld/engine"
)

// Exit codes: those of sysexits.h that fit, so that callers need not read texts.
const (
	exitOK       = 0
	exitUsage    = 64
	exitData     = 65
	exitSoftware = 70
	exitCreate   = 73
	exitBusy     = 75
)

func main() {
	os.Exit(exitCode(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr), os.Stderr))
}

// exitCode reports an error in one line and says what to exit with.
func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "chaisqld: %v\n", err)
	var usage usageError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, engine.ErrLocked), errors.Is(err, errSocketBusy), errors.Is(err, syscall.EADDRINUSE), errors.Is(err, errInterrupted):
		return exitBusy
	case errors.Is(err, engine.ErrNotADatabase), errors.Is(err, engine.ErrDamaged), errors.Is(err, engine.ErrUnservable):
		return exitData
	case errors.Is(err, engine.ErrCannotOpen), errors.Is(err, engine.ErrExists), errors.Is(err, errSocketDir), errors.Is(err, errAuthFile), errors.Is(err, errAddress):
		return exitCreate
	}
	return exitSoftware
}
