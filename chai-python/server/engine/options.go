package engine

import (
	"log/slog"
	"time"

	"chaisqld/pgerr"
)

// Memory is the Dir of a database that lives in memory and dies with the engine.
const Memory = ":memory:"

// Options configures Open. The zero value of every field but Dir means its default.
type Options struct {
	Dir       string // directory of the database, or Memory; "" is refused
	MustExist bool   // refuse to create a database

	Readers             int // read transactions that are open ahead when a commit begins; default 4
	MaxReads            int // calls of Read at once; default 1024
	MaxReadTransactions int // snapshots held at once; default 100

	GroupRequests       int // requests in one group commit; default 64
	GroupBytes          int // estimated bytes in one group commit; default 1 MiB
	QueueRequests       int // requests waiting for the writer; default 1024
	CacheBytes          int // bytes of rows kept by primary key; default 32 MiB, negative for none
	MaxTransactionBytes int // bytes of keys and values in one transaction; default 4 MiB, at most 4 MiB

	LockWait            time.Duration // wait for the directory's lock; default 5 s
	WriterWait          time.Duration // longest wait for the writer; default 5 s
	IdleInTransaction   time.Duration // a lease may be idle this long; default 5 s
	TransactionTime     time.Duration // a lease may live this long; default 30 s
	TransactionTurn     time.Duration // the same while others wait for the writer; default 1 s
	IdleReadTransaction time.Duration // a held snapshot may be idle this long; default 30 s
	ReadTransactionTime time.Duration // a held snapshot may live this long; default 10 min
	HangLimit           time.Duration // one request, or one commit, may take this long; default 5 s
	SchemaLimit         time.Duration // the same for a schema request, which may build an index; default 5 min
	CloseWait           time.Duration // Close waits this long for requests and readers; default 10 s

	DiskFloor int64 // writes are refused below this many free bytes; default: 5 % of the file system, from 32 MiB to 1 GiB; < 0: no floor

	Log   *slog.Logger        // default: discard
	Fatal func(reason string) // ends the process; default: log, then exit with status 70

	viaSQL     bool // for tests: rows are read and written by statements alone
	mustCreate bool // refuse a database that is there already

	// For tests.
	statfs statfsFunc
	step   func(name string) // called after each step of creating a database
}

// LargestTransaction is the most that MaxTransactionBytes may be: it keeps a transaction below the 10 MB at which Chai begins
// to write uncommitted parts, where rollback and recovery lose index entries.
const LargestTransaction = 4 << 20

// Defaults are the Options that leave everything to us.
func Defaults() Options {
	var o Options
	o.setDefaults()
	return o
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *Options) setDefaults() {
	orDefault(&o.Readers, 4)
	orDefault(&o.MaxReads, 1024)
	orDefault(&o.MaxReadTransactions, 100)
	orDefault(&o.GroupRequests, 64)
	orDefault(&o.GroupBytes, 1<<20)
	orDefault(&o.QueueRequests, 1024)
	orDefault(&o.CacheBytes, 32<<20)
	orDefault(&o.MaxTransactionBytes, LargestTransaction)
	orDefault(&o.LockWait, 5*time.Second)
	orDefault(&o.WriterWait, 5*time.Second)
	orDefault(&o.IdleInTransaction, 5*time.Second)
	orDefault(&o.TransactionTime, 30*time.Second)
	orDefault(&o.TransactionTurn, time.Second)
	orDefault(&o.IdleReadTransaction, 30*time.Second)
	orDefault(&o.ReadTransactionTime, 10*time.Minute)
	orDefault(&o.HangLimit, 5*time.Second)
	orDefault(&o.SchemaLimit, 5*time.Minute)
	orDefault(&o.CloseWait, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.step == nil {
		o.step = func(string) {}
	}
	if o.Fatal == nil {
		log := o.Log
		o.Fatal = func(reason string) { exitFatally(log, reason) }
	}
}

// validate runs before any I/O.
func (o *Options) validate() error {
	if o.Dir == "" {
		return pgerr.New(pgerr.InvalidParameterValue, "database directory is empty: name a directory, or %q", Memory)
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"Readers", o.Readers}, {"MaxReads", o.MaxReads}, {"MaxReadTransactions", o.MaxReadTransactions}, {"GroupRequests", o.GroupRequests}, {"GroupBytes", o.GroupBytes},
		{"QueueRequests", o.QueueRequests}, {"MaxTransactionBytes", o.MaxTransactionBytes}} {
		if n.value < 1 {
			return pgerr.New(pgerr.InvalidParameterValue, "%s is %d, must be at least 1", n.name, n.value)
		}
	}
	if o.MaxTransactionBytes > LargestTransaction {
		return pgerr.New(pgerr.InvalidParameterValue, "MaxTransactionBytes is %d, must be at most %d", o.MaxTransactionBytes, LargestTransaction)
	}
	return o.validateWaits()
}

func (o *Options) validateWaits() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"LockWait", o.LockWait}, {"WriterWait", o.WriterWait}, {"IdleInTransaction", o.IdleInTransaction}, {"TransactionTime", o.TransactionTime},
		{"TransactionTurn", o.TransactionTurn},
		{"IdleReadTransaction", o.IdleReadTransaction}, {"ReadTransactionTime", o.ReadTransactionTime}, {"HangLimit", o.HangLimit},
		{"SchemaLimit", o.SchemaLimit}, {"CloseWait", o.CloseWait}} {
		if d.value < 0 {
			return pgerr.New(pgerr.InvalidParameterValue, "%s is %s, must not be negative", d.name, d.value)
		}
	}
	return nil
}
