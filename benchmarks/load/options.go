package main

import (
	"flag"
	"fmt"
	"time"
)

// maxClients stays below the usual limit of open files.
const maxClients = 900

// options say what run does. All sizes are in bytes.
type options struct {
	socket     string
	user       string
	database   string
	mode       string
	clients    int
	rows       int
	size       int
	saveShare  int
	seconds    float64
	warmup     float64
	operations int
	serverPID  int
}

func (o *options) register(flags *flag.FlagSet) {
	flags.StringVar(&o.socket, "socket", "", "path of the server's socket")
	flags.StringVar(&o.user, "user", "postgres", "user to connect as")
	flags.StringVar(&o.database, "database", "postgres", "database to connect to")
	flags.StringVar(&o.mode, "mode", "save", "save, upsert, find or mixed")
	flags.IntVar(&o.clients, "clients", 1, "connections, each with one operation under way")
	flags.IntVar(&o.rows, "rows", 10_000, "sessions in the table; those that are missing are inserted first")
	flags.IntVar(&o.size, "size", 256, "bytes of data in a session")
	flags.IntVar(&o.saveShare, "save-share", 10, "percentage of saves in mode mixed")
	flags.Float64Var(&o.seconds, "seconds", 5, "measured time")
	flags.Float64Var(&o.warmup, "warmup", 0.5, "seconds before that, not measured")
	flags.IntVar(&o.operations, "operations", 0, "end after this many measured operations instead; 0: after the time")
	flags.IntVar(&o.serverPID, "server-pid", 0, "process of the server, whose processor time is reported; 0: not known")
}

func (o *options) validate() error {
	switch {
	case o.socket == "":
		return fmt.Errorf("-socket is missing: name the server's socket, such as /var/run/postgresql/.s.PGSQL.5432")
	case modes[o.mode] == nil:
		return fmt.Errorf("-mode is %q, must be save, upsert, find or mixed", o.mode)
	case o.clients < 1 || o.clients > maxClients || o.rows < o.clients:
		return fmt.Errorf("-clients is %d and -rows is %d: at most %d clients, each with a row of its own", o.clients, o.rows, maxClients)
	case o.size < 1 || o.size > 1<<20:
		return fmt.Errorf("-size is %d, must be between 1 and %d", o.size, 1<<20)
	case o.saveShare < 0 || o.saveShare > 100:
		return fmt.Errorf("-save-share is %d, must be between 0 and 100", o.saveShare)
	case o.seconds <= 0 || o.warmup < 0 || o.operations < 0:
		return fmt.Errorf("-seconds is %g, -warmup is %g and -operations is %d, must be positive", o.seconds, o.warmup, o.operations)
	}
	return nil
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
