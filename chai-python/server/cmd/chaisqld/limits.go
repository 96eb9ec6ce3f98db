package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"chaisqld/engine"
	"chaisqld/wire"

	"github.com/alecthomas/kong"
)

// limitFlags bound what clients can take from each other. Each limit says which
// SQLSTATE its victim sees.
type limitFlags struct {
	MaxConnections      int           `default:"${MaxConnections}" help:"Clients served at once; further ones are refused (53300), unless one that has not logged in can give way. Default: ${default}."`
	MaxUnauthenticated  int           `placeholder:"N" help:"Of those, clients on TCP that have not logged in yet (53300); for a further one the oldest gives way that has said least, unless all have failed already. Default: ${MaxUnauthenticated}, or half of --max-connections if that is less."`
	MaxMessageBytes     int           `default:"${MaxMessageBytes}" help:"Bytes of one protocol message (54000, and the connection ends). Default: ${default}, ${MaxMessageBytesInMiB} MiB."`
	MaxStatements       int           `default:"${MaxStatements}" help:"Prepared statements of one connection (53400). Default: ${default}."`
	MaxPortals          int           `default:"${MaxPortals}" help:"Open portals of one connection (53400). Default: ${default}."`
	ConnectionMemory    int           `default:"${ConnectionMemory}" help:"Bytes of rows, parameters and prepared statements that one connection holds, at least ${LeastMemory} (54000). Default: ${default}, ${ConnectionMemoryInMiB} MiB."`
	Memory              int           `default:"${Memory}" help:"Bytes of those that all connections hold together, but for the first MiB of each, at least ${LeastMemory} (53200). Default: ${default}, ${MemoryInMiB} MiB."`
	MaxTransactionBytes int           `default:"${MaxTransactionBytes}" help:"Bytes of keys and values that one transaction writes, at most ${LargestTransaction} (54000). Default: ${default}, ${MaxTransactionBytesInMiB} MiB."`
	MaxReadTransactions int           `default:"${MaxReadTransactions}" help:"READ ONLY transactions open at once, each of which keeps old files on the disk (53400). Default: ${default}."`
	StatementTimeout    time.Duration `default:"${StatementTimeout}" placeholder:"DURATION" help:"Longest time for the statements of one round trip; clients can SET statement_timeout to less (57014). Default: ${default}."`
	WriterWait          time.Duration `default:"${WriterWait}" placeholder:"DURATION" help:"Longest wait for the writer while another transaction holds it (55P03). Default: ${default}."`
	TransactionTurn     time.Duration `default:"${TransactionTurn}" placeholder:"DURATION" help:"Longest time that a transaction holds the writer while others wait for it; then it is rolled back, and may be tried again (40001). Default: ${default}. It is to be well below --writer-wait."`
	TransactionTime     time.Duration `default:"${TransactionTime}" placeholder:"DURATION" help:"Longest time that a transaction holds the writer, even if nobody waits (25P04). Default: ${default}."`
	IdleInTransaction   time.Duration `default:"${IdleInTransaction}" placeholder:"DURATION" help:"Longest pause in a transaction that has written and so holds the writer (25P03, and the connection ends). Default: ${default}. A transaction that has not written holds nothing and may wait, unless it is READ ONLY."`
	IdleReadTransaction time.Duration `default:"${IdleReadTransaction}" placeholder:"DURATION" help:"Longest pause in a READ ONLY transaction, which keeps old files on the disk (25P03). Default: ${default}."`
	ReadTransactionTime time.Duration `default:"${ReadTransactionTime}" placeholder:"DURATION" help:"Longest life of a READ ONLY transaction (25P04). Default: ${default}."`
	LoginTimeout        time.Duration `default:"${LoginTimeout}" placeholder:"DURATION" help:"From connecting to the first statement: TLS, password, start packet; then the client is disconnected. Default: ${default}."`
	SendTimeout         time.Duration `default:"${SendTimeout}" placeholder:"DURATION" help:"For a client to take what it has asked for, or up to a quarter more; then it is disconnected. Default: ${default}."`
}

const (
	leastMessageBytes = 64 << 10 // statements of 16 KiB and their parameters should pass
	leastMemory       = 1 << 20  // a connection may hold as much whatever the others do
	ownReads          = 16       // the server's own beside those of its clients, each of whom reads one thing at a time
)

// limitDefaults are those of the options that have the flags' names.
func limitDefaults() kong.Vars {
	vars := kong.Vars{"LargestTransaction": strconv.Itoa(engine.LargestTransaction), "LeastMemory": strconv.Itoa(leastMemory)}
	for _, options := range []any{engine.Defaults(), wire.Defaults()} {
		fields := reflect.ValueOf(options)
		for i := range fields.NumField() {
			field := fields.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			switch value := fields.Field(i).Interface().(type) {
			case int:
				vars[field.Name] = strconv.Itoa(value)
				vars[field.Name+"InMiB"] = strconv.Itoa(value >> 20)
			case time.Duration:
				vars[field.Name] = brief(value)
			}
		}
	}
	return vars
}

// brief writes 10m0s as 10m.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}

func (f *limitFlags) validate() error {
	for _, n := range []struct {
		flag         string
		value, least int
	}{{"max-connections", f.MaxConnections, 1}, {"max-unauthenticated", f.MaxUnauthenticated, 0}, {"max-message-bytes", f.MaxMessageBytes, leastMessageBytes},
		{"max-statements", f.MaxStatements, 1}, {"max-portals", f.MaxPortals, 1}, {"connection-memory", f.ConnectionMemory, leastMemory},
		{"memory", f.Memory, leastMemory}, {"max-transaction-bytes", f.MaxTransactionBytes, 1},
		{"max-read-transactions", f.MaxReadTransactions, 1}} {
		if n.value < n.least {
			return fmt.Errorf("--%s is %d, must be at least %d", n.flag, n.value, n.least)
		}
	}
	if f.MaxTransactionBytes > engine.LargestTransaction {
		return fmt.Errorf("--max-transaction-bytes is %d, must be at most %d", f.MaxTransactionBytes, engine.LargestTransaction)
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"statement-timeout", f.StatementTimeout}, {"writer-wait", f.WriterWait}, {"transaction-turn", f.TransactionTurn},
		{"transaction-time", f.TransactionTime}, {"idle-in-transaction", f.IdleInTransaction}, {"idle-read-transaction", f.IdleReadTransaction},
		{"read-transaction-time", f.ReadTransactionTime}, {"login-timeout", f.LoginTimeout}, {"send-timeout", f.SendTimeout}} {
		if d.value <= 0 {
			return fmt.Errorf("--%s is %s, must be more than 0", d.flag, d.value)
		}
	}
	return nil
}

// limitEngine sets those limits that the engine keeps.
func (f *limitFlags) limitEngine(o engine.Options) engine.Options {
	o.WriterWait, o.MaxTransactionBytes = f.WriterWait, f.MaxTransactionBytes
	o.TransactionTurn, o.TransactionTime, o.IdleInTransaction = f.TransactionTurn, f.TransactionTime, f.IdleInTransaction
	o.ReadTransactionTime, o.IdleReadTransaction = f.ReadTransactionTime, f.IdleReadTransaction
	o.MaxReads, o.MaxReadTransactions = f.MaxConnections+ownReads, f.MaxReadTransactions
	return o
}

// limitWire sets those limits that connections keep.
func (f *limitFlags) limitWire(o wire.Options) wire.Options {
	o.MaxConnections, o.MaxUnauthenticated = f.MaxConnections, f.MaxUnauthenticated
	o.MaxMessageBytes, o.MaxStatements, o.MaxPortals = f.MaxMessageBytes, f.MaxStatements, f.MaxPortals
	o.ConnectionMemory, o.Memory = f.ConnectionMemory, f.Memory
	o.StatementTimeout, o.IdleInTransaction = f.StatementTimeout, f.IdleInTransaction
	o.LoginTimeout, o.SendTimeout = f.LoginTimeout, f.SendTimeout
	return o
}
