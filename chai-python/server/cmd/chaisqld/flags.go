package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// usageError is a mistake in the command line.
type usageError struct{ error }

type flags struct {
	Serve   serveFlags `cmd:"" default:"withargs" help:"Serve a database directory (the default command)."`
	Version struct{}   `cmd:"" help:"Print the version."`

	Init    initFlags    `cmd:"" help:"Create a database; fail if one is there."`
	Adopt   adoptFlags   `cmd:"" help:"Make a chaisqld database of a directory that a Go program filled through Chai: check, copy, repair, mark."`
	Check   checkFlags   `cmd:"" help:"Compare every table with its indexes; exit with 65 when something is wrong."`
	Backup  backupFlags  `cmd:"" help:"Copy a database that no server holds."`
	Restore restoreFlags `cmd:"" help:"Make a database of a backup, verified and checked."`
	Passwd  passwdFlags  `cmd:"" help:"Set the password with which a user logs in over TCP."`
}

type serveFlags struct {
	Dir       string        `required:"" placeholder:"DIR" help:"Database directory, created when its parent exists; ':memory:' keeps everything in memory."`
	SocketDir string        `placeholder:"DIR" help:"Directory of the socket .s.PGSQL.5432; by default the database directory."`
	IdleExit  time.Duration `placeholder:"DURATION" help:"Exit after this long without connections, such as 60s; by default never."`
	ReadyFd   int           `default:"-1" placeholder:"N" help:"Write the line 'ready' to this file descriptor, then close it."`
	MustExist bool          `help:"Do not create a database."`
	LogLevel  string        `default:"info" enum:"debug,info,warn,error" help:"Least severity logged to standard error: debug, info, warn or error. Values and statements are never logged."`
	LogFile   string        `placeholder:"FILE" help:"The file that standard error is: when it reaches 1 MiB it becomes FILE.1, and a new one is begun."`

	remoteFlags `group:"TCP and users"`
	limitFlags  `group:"Limits, with the SQLSTATE that tells of them; durations as 500ms, 5s, 10m"`
}

const description = `Serves one Chai database directory to PostgreSQL clients, on a Unix socket and, if asked to, over TCP.

Every flag can also be given in the environment, as CHAISQLD_ and its name.

Exit codes: 0 done; 64 wrong usage; 65 not a chaisqld database, or damaged; 70 internal failure or unrecoverable I/O error; 73 directory, file or address cannot be created, read, written or listened at; 75 another process holds the directory, the socket or the address, or a signal stopped the command.`

// run does what the command line says.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var f flags
	command, err := parse(&f, args, stdout, stderr)
	if err != nil || command == "" {
		return err
	}
	if command == "version" {
		_, err := fmt.Fprintln(stdout, "chaisqld", Version)
		return err
	}
	if do := f.maintenance(command); do != nil {
		return do(ctx, stdout)
	}
	if strings.HasPrefix(command, "passwd") {
		return passwd(&f.Passwd, os.Stdin, stderr)
	}
	if err := f.Serve.validate(); err != nil {
		return usageError{err}
	}
	return serve(ctx, &f.Serve, stderr)
}

// helpShown unwinds kong, which wants to exit after --help.
type helpShown struct{}

// parse gives the command's name, "" when all that was wanted is help.
func parse(f *flags, args []string, stdout, stderr io.Writer) (command string, err error) {
	parser, err := kong.New(f, kong.Name("chaisqld"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.DefaultEnvars("CHAISQLD"), limitDefaults(), kong.Exit(func(int) { panic(helpShown{}) }))
	if err != nil {
		return "", err
	}
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(helpShown); !ok {
				panic(p)
			}
			command, err = "", nil
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", usageError{fmt.Errorf("%w (see chaisqld --help)", err)}
	}
	return parsed.Command(), nil
}

// validate runs before any I/O.
func (f *serveFlags) validate() error {
	switch {
	case f.Dir == "":
		return errors.New("--dir is empty: name a directory, or ':memory:'")
	case f.inMemory() && f.SocketDir == "":
		return errors.New("--dir ':memory:' needs --socket-dir")
	case f.IdleExit < 0:
		return fmt.Errorf("--idle-exit is %s, must not be negative", f.IdleExit)
	case f.ReadyFd >= 0 && f.ReadyFd < 3:
		return fmt.Errorf("--ready-fd is %d, must be above those of standard input, output and error", f.ReadyFd)
	}
	if err := f.remoteFlags.validate(); err != nil {
		return err
	}
	return f.limitFlags.validate()
}
