package engine

import (
	"errors"
	"log/slog"
	"os"
)

// Reasons why Open can fail; each is wrapped with the path and the remedy.
var (
	ErrLocked       = errors.New("another process holds the database directory")
	ErrNotADatabase = errors.New("not a chaisqld database")
	ErrCannotOpen   = errors.New("cannot open the database directory")
	ErrExists       = errors.New("the place is taken")
	ErrUnservable   = errors.New("chaisqld cannot serve this database")
	// ErrDamaged is a directory that is ours but whose files Chai cannot read;
	// such an error is an ErrCannotOpen as well.
	ErrDamaged = errors.New("the database is damaged")
)

// Stop, returned by a row function, ends a Query early without an error.
//
//lint:ignore ST1012 it is no failure, like io.EOF, and reads as one word at its users
var Stop = errors.New("no more rows wanted")

// ExitFatal is the exit status after a failure that only a restart can mend.
const ExitFatal = 70

func exitFatally(log *slog.Logger, reason string) {
	log.Error("chaisqld ends itself; nothing acknowledged is lost, start it again", "reason", reason)
	os.Exit(ExitFatal)
}
