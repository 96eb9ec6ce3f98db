package engine

// Reader runs statements on one consistent state of the database.
//
// Values go in and come out as nil, bool, int64 (INTEGER and BIGINT alike),
// float64, string, []byte and time.Time (UTC, microseconds). Statements on one
// Reader run one after the other: row must not run another one.
type Reader interface {
	// Catalogue describes the state that Query sees, own DDL included.
	Catalogue() *Catalogue
	// Query hands every row to row, in order, until there are no more or row
	// returns an error, which Query returns as it is; Stop ends without one.
	// The slice is reused for the next row, the values in it are not.
	Query(sql string, args []any, row func(values []any) error) error
	// Get reads one row by its primary key, all columns; nil when there is none.
	// Its values are shared: they must not be changed.
	// The table is one of Catalogue's, its primary key a single column, and the
	// key a value of that column's type.
	Get(t *Table, key any) (row []any, err error)
}

// Writer is a Reader inside the write transaction. After its first error the
// whole transaction is rolled back, whatever the caller makes of the error.
type Writer interface {
	Reader
	// Exec runs a statement that changes rows.
	Exec(sql string, args []any) error
	// Insert adds a row, with a value for every column.
	Insert(t *Table, row []any) error
	// Update gives the columns at places new values in the row with that key,
	// if it is there.
	Update(t *Table, key any, places []int, values []any) error
	// Delete removes the row with that key, if it is there.
	Delete(t *Table, key any) error
	// DeleteFirst deletes the first rows along a column's index, at most limit,
	// whose value there is less than below, and tells how many. Where done is
	// false the rest has to be found and deleted row by row.
	DeleteFirst(t *Table, column int, below any, limit int) (deleted int, done bool, err error)
	// Define runs one CREATE or DROP of a table or an index, and makes the
	// catalogue follow.
	Define(ddl string) error
	// DefineIndex is Define for CREATE INDEX on one column: every value in that
	// column, nil as well, has to pass check, whose error it returns.
	DefineIndex(ddl string, check func(value any) error) error
	// Charge announces keys and values about to be written, in bytes. It fails
	// when the transaction would outgrow Options.MaxTransactionBytes.
	Charge(bytes int) error
}

// WriteRequest is one unit of work for the writer.
type WriteRequest struct {
	Client *Client // who asks, for whom the writer's time is counted; nil: somebody else each time
	Bytes  int     // estimate of keys and values, for the size of the group
	Schema bool    // it calls Define: it runs in a transaction of its own
	Probe  bool    // it only asks whether the writer answers: no transaction ends because it waits
	Frees  bool    // it writes nothing but deletions: it may run when the disk is nearly full
	// Run may be called again after its transaction was rolled back because of
	// another member of the group, so it resets its own results first.
	Run func(Writer) error
}
