package differential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// mode is a way through the protocol.
type mode uint8

const (
	simple   mode = iota // Query
	extended             // Parse, Bind, Describe, Execute in one go
	prepared             // the same with a look at the described statement in between
	modes
)

// statement is what both servers are asked.
type statement struct {
	sql       string
	mode      mode
	params    []param
	binaryOut bool
	writes    bool
	ordered   bool // the order of the rows is settled
	windowed  bool // it has LIMIT or OFFSET
	arbitrary bool // which rows come is not settled
	fallible  bool // whether a condition fails depends on the rows that it is asked about, and in which order
	untypical bool // holds a constant that PostgreSQL reads as NUMERIC
	anyRow    bool // goes through rows in no settled order, and may fail at any
	computes  bool // holds arithmetic or casts
	setsKey   bool // whether two rows meet on one key depends on the order
	otherDate bool // holds a timestamp in a notation that is not ISO 8601
	floats    bool // holds floating-point numbers
	sums      bool // adds up what may be floating-point numbers, in no settled order
	strings   bool // puts texts together in no settled order
	mutated   bool // no longer what it was made as
}

// param is a value of the extended protocol. A nil value is NULL.
type param struct {
	oid    uint32 // 0: left to the server
	format int16
	value  []byte
}

// outcome is what a server answered.
type outcome struct {
	code, message string // SQLSTATE, "" for success
	where         string // the object of a violated constraint
	tag           string
	columns       []column
	rows          [][][]byte
	params        []uint32 // described types; nil where nobody asked
}

type column struct {
	name string
	oid  uint32
}

// ask runs a statement.
func ask(c *pgconn.PgConn, s *statement) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.mode == simple {
		return collectAll(c.Exec(ctx, s.sql))
	}
	var values [][]byte
	var oids []uint32
	var formats, results []int16
	for _, p := range s.params {
		values, oids, formats = append(values, p.value), append(oids, p.oid), append(formats, p.format)
	}
	if s.binaryOut {
		results = []int16{1}
	}
	if s.mode == extended {
		return collect(c.ExecParams(ctx, s.sql, values, oids, formats, results))
	}
	described, err := c.Prepare(ctx, "", s.sql, oids)
	if err != nil {
		return failed(err)
	}
	o := collect(c.ExecPrepared(ctx, "", values, formats, results))
	if o.params = described.ParamOIDs; o.columns == nil {
		o.columns = columnsOf(described.Fields)
	}
	return o
}

func collectAll(r *pgconn.MultiResultReader) outcome {
	var last outcome
	for r.NextResult() {
		last = collect(r.ResultReader())
	}
	if err := r.Close(); err != nil {
		return failed(err)
	}
	return last
}

func collect(r *pgconn.ResultReader) outcome {
	var o outcome
	for r.NextRow() {
		var row [][]byte
		for _, v := range r.Values() {
			row = append(row, slices.Clone(v))
		}
		o.rows = append(o.rows, row)
	}
	o.columns = columnsOf(r.FieldDescriptions())
	tag, err := r.Close()
	if err != nil {
		return failed(err)
	}
	o.tag = tag.String()
	return o
}

func columnsOf(fields []pgconn.FieldDescription) []column {
	var list []column
	for _, f := range fields {
		list = append(list, column{f.Name, f.DataTypeOID})
	}
	return list
}

func failed(err error) outcome {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		o := outcome{code: e.Code, message: e.Message}
		if class(o, "23") {
			o.where = strings.Join([]string{e.SchemaName, e.TableName, e.ColumnName, e.ConstraintName}, " ")
		}
		return o
	}
	return outcome{code: "?????", message: err.Error()}
}

func (o outcome) String() string {
	if o.code != "" {
		return "ERROR " + o.code + ": " + o.message
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s %v", o.tag, o.columns)
	if o.params != nil {
		fmt.Fprintf(&text, " parameters %v", o.params)
	}
	for i, row := range o.rows {
		if i == 8 {
			fmt.Fprintf(&text, "\n        … %d rows", len(o.rows))
			break
		}
		text.WriteString("\n        " + rowText(row))
	}
	return text.String()
}

// rowText shows a row; equal texts are equal rows.
func rowText(row [][]byte) string {
	var parts []string
	for _, v := range row {
		if v == nil {
			parts = append(parts, "NULL")
		} else {
			parts = append(parts, fmt.Sprintf("%q", v))
		}
	}
	return strings.Join(parts, " | ")
}
