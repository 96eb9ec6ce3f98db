package engine

import "context"

// Engine owns one database directory.
type Engine struct{}

// Open checks the directory, takes its lock and starts the engine.
func Open(ctx context.Context, o Options) (*Engine, error) { return nil, ErrCannotOpen }

// Close drains the queue, bounded by Options.CloseWait, and frees the directory.
func (e *Engine) Close() error { return nil }

// Catalogue is the newest committed one.
func (e *Engine) Catalogue() *Catalogue { return nil }

// Read runs fn on the newest published snapshot, in the caller's goroutine. It never waits for an fsync.
func (e *Engine) Read(ctx context.Context, fn func(Reader) error) error { return nil }

// Write returns once the transaction is durable and a snapshot with it is published.
func (e *Engine) Write(ctx context.Context, r WriteRequest) error { return nil }

// Lease waits in the writer's queue and then owns the write transaction.
func (e *Engine) Lease(ctx context.Context) (*Lease, error) { return nil, nil }

// Snapshot holds one read transaction.
func (e *Engine) Snapshot(ctx context.Context) (*Snapshot, error) { return nil, nil }

// Check audits every table against its indexes.
func (e *Engine) Check(ctx context.Context) (*CheckReport, error) { return nil, nil }

// Lease is an exclusive write transaction.
type Lease struct{}

// Run executes fn in the transaction; the first error or panic rolls everything back.
func (l *Lease) Run(fn func(Writer) error) error { return nil }

// Commit makes the transaction durable and visible, and frees the writer.
func (l *Lease) Commit() error { return nil }

// Rollback undoes the transaction and frees the writer; harmless when it is over.
func (l *Lease) Rollback() error { return nil }

// Snapshot is a read transaction that the caller holds.
type Snapshot struct{}

// Run executes fn on the snapshot.
func (s *Snapshot) Run(fn func(Reader) error) error { return nil }

// Close frees the snapshot; harmless when it is over.
func (s *Snapshot) Close() {}

// CheckReport is the result of an audit.
type CheckReport struct{}
