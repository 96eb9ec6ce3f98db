package wire

import (
	"fmt"
	"log/slog"
	"time"

	"chaisqld/engine"
)

// Options configures a Server. The zero value of every field means its default.
type Options struct {
	Version            string        // of chaisqld, told in server_version; default "unknown"
	MaxConnections     int           // clients served at once; default 200
	MaxUnauthenticated int           // clients on TCP that have not logged in yet; default 20, but at most half of MaxConnections
	MaxMessageBytes    int           // body of one protocol message; default 8 MiB
	MaxStatements      int           // prepared statements of one connection; default 1,000
	MaxPortals         int           // open portals of one connection; default 100
	ConnectionMemory   int           // bytes of rows, parameters and prepared statements that one connection may hold; default 64 MiB
	Memory             int           // and all together, but for the first MiB of each; default 256 MiB
	LoginTimeout       time.Duration // from connect to ReadyForQuery; default 10 s
	LoginDelay         time.Duration // before a failed login is answered; default 1 s
	StatementTimeout   time.Duration // the statements of one round trip, if statement_timeout is not less; default 30 s
	PipelineTime       time.Duration // the writer is held by a pipeline before its statements go on one by one; default 500 ms
	SendTimeout        time.Duration // for a client to take a reply, or up to a quarter more; default 30 s
	IdleInTransaction  time.Duration // an idle client may hold the writer this long; default 5 s
	AllowUIDs          []uint32      // users let in on a Unix socket, besides the server's own and root
	IdleExit           time.Duration // Idle reports after this long without connections; 0: never
	Log                *slog.Logger  // default: discard
	Now                func() time.Time
}

// Defaults are the Options that leave everything to us.
func Defaults() Options { return Options{}.withDefaults() }

func (o Options) withDefaults() Options {
	if o.Version == "" {
		o.Version = "unknown"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	setDefault(&o.MaxConnections, 200)
	setDefault(&o.MaxUnauthenticated, min(20, max(1, o.MaxConnections/2)))
	setDefault(&o.MaxMessageBytes, 8<<20)
	setDefault(&o.MaxStatements, 1000)
	setDefault(&o.MaxPortals, 100)
	setDefault(&o.ConnectionMemory, 64<<20)
	setDefault(&o.Memory, 256<<20)
	setDefault(&o.LoginTimeout, 10*time.Second)
	setDefault(&o.LoginDelay, time.Second)
	setDefault(&o.StatementTimeout, 30*time.Second)
	setDefault(&o.PipelineTime, 500*time.Millisecond)
	setDefault(&o.SendTimeout, 30*time.Second)
	setDefault(&o.IdleInTransaction, engine.Defaults().IdleInTransaction)
	return o
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (o Options) validate() error {
	for name, n := range map[string]int{
		"MaxConnections": o.MaxConnections, "MaxUnauthenticated": o.MaxUnauthenticated, "MaxMessageBytes": o.MaxMessageBytes,
		"MaxStatements": o.MaxStatements, "MaxPortals": o.MaxPortals,
		"ConnectionMemory": o.ConnectionMemory, "Memory": o.Memory,
	} {
		if n < 1 {
			return fmt.Errorf("%s is %d, must be at least 1", name, n)
		}
	}
	for name, d := range map[string]time.Duration{
		"LoginTimeout": o.LoginTimeout, "LoginDelay": o.LoginDelay, "StatementTimeout": o.StatementTimeout, "PipelineTime": o.PipelineTime, "SendTimeout": o.SendTimeout,
		"IdleInTransaction": o.IdleInTransaction, "IdleExit": o.IdleExit,
	} {
		if d < 0 {
			return fmt.Errorf("%s is %s, must not be negative", name, d)
		}
	}
	return nil
}
