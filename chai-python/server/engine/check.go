package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// checkPage is how many rows of a table Check holds at a time.
const checkPage = 1000

// maxProblems keeps the report of a badly damaged database readable.
const maxProblems = 100

// CheckReport is the result of an audit.
type CheckReport struct {
	Tables   []TableReport
	Problems []string // what is wrong, at most a hundred of them
	Omitted  int      // problems beyond those
}

// TableReport counts one table.
type TableReport struct {
	Name    string
	Rows    int64
	Indexes []IndexReport
	Skipped string // why the rows were not looked at
}

// IndexReport counts one index.
type IndexReport struct {
	Name    string
	Entries int64
	Skipped string // why it was not looked at
}

// OK tells that nothing is wrong.
func (r *CheckReport) OK() bool { return len(r.Problems) == 0 }

func (r *CheckReport) problem(format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.Omitted++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Check compares every table with each of its indexes on one snapshot: the
// number of entries, their order, and that every row is found by its value.
// Index scans in Chai end early without an error on damaged files, so the
// counts are what shows such damage.
func (e *Engine) Check(ctx context.Context) (*CheckReport, error) {
	report := &CheckReport{}
	err := e.Read(ctx, func(r Reader) error {
		e.readers.wantMore() // this one is gone for long
		for _, t := range r.Catalogue().Tables() {
			table, err := (&checker{r: r, table: t, report: report}).run()
			if err != nil {
				return fmt.Errorf("check table %s: %w", t.Name, err)
			}
			report.Tables = append(report.Tables, table)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// checker audits one table.
type checker struct {
	r      Reader
	table  *Table
	report *CheckReport
}

func (c *checker) run() (TableReport, error) {
	result := TableReport{Name: c.table.Name}
	if len(c.table.PrimaryKey) != 1 || c.table.Unsupported != "" {
		result.Skipped = "it has no primary key of a single column"
		if c.table.Unsupported != "" {
			result.Skipped = c.table.Unsupported
		}
		return result, nil
	}
	rows, err := c.checkRows()
	if err != nil {
		return result, err
	}
	result.Rows = rows
	for _, index := range c.table.Indexes {
		counted, err := c.checkEntries(index)
		if err != nil {
			return result, err
		}
		if counted.Skipped == "" && counted.Entries != rows {
			c.report.problem("table %s has %d rows, its index %s %d entries", c.table.Name, rows, index.Name, counted.Entries)
		}
		result.Indexes = append(result.Indexes, counted)
	}
	return result, nil
}

// checkRows walks the table in pages by primary key and looks every row up in the indexes.
func (c *checker) checkRows() (rows int64, err error) {
	var last any
	for {
		page, err := c.page(last)
		if err != nil {
			return 0, err
		}
		for _, row := range page {
			if last != nil && compare(last, row[0]) >= 0 {
				c.report.problem("table %s: row %d is out of order", c.table.Name, rows)
			}
			last = row[0]
			rows++
			if err := c.probe(row); err != nil {
				return 0, err
			}
		}
		if len(page) < checkPage {
			return rows, nil
		}
	}
}

// page reads the primary key and the indexed columns of the rows after last.
func (c *checker) page(last any) (page [][]any, err error) {
	columns := []string{c.table.PrimaryKey[0]}
	for _, index := range c.table.Indexes {
		columns = append(columns, index.Columns[0])
	}
	key := c.table.PrimaryKey[0]
	sql := fmt.Sprintf("SELECT %s FROM %s", strings.Join(columns, ", "), c.table.Name)
	args := []any{int64(checkPage)}
	if last != nil {
		sql, args = sql+fmt.Sprintf(" WHERE %s > $2", key), append(args, last)
	}
	err = c.r.Query(sql+fmt.Sprintf(" ORDER BY %s LIMIT $1", key), args, func(values []any) error {
		page = append(page, append([]any(nil), values...))
		return nil
	})
	return page, err
}

// probe finds a row through each index by the value it has there.
func (c *checker) probe(row []any) error {
	for i, index := range c.table.Indexes {
		value := row[i+1]
		if value == nil {
			continue // Chai does not look nulls up in an index; they are in the count
		}
		sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s = $1", c.table.PrimaryKey[0], c.table.Name, index.Columns[0])
		found := false
		err := c.r.Query(sql, []any{value}, func(values []any) error {
			if compare(values[0], row[0]) == 0 {
				found = true
				return Stop
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !found {
			c.report.problem("table %s: row %s is not found through index %s", c.table.Name, rowName(row[0]), index.Name)
		}
	}
	return nil
}

// checkEntries walks a whole index in its order.
func (c *checker) checkEntries(index Index) (result IndexReport, err error) {
	result.Name = index.Name
	sql := fmt.Sprintf("SELECT %s FROM %s ORDER BY %[1]s", index.Columns[0], c.table.Name)
	if served, err := c.servedBy(index, sql); err != nil || !served {
		result.Skipped = "no scan can be made to use it"
		return result, err
	}
	var last any
	err = c.r.Query(sql, nil, func(values []any) error {
		if result.Entries > 0 && compare(last, values[0]) > 0 {
			c.report.problem("index %s: entry %d is out of order", index.Name, result.Entries)
		}
		last = values[0]
		result.Entries++
		return nil
	})
	return result, err
}

// servedBy tells whether a scan reads the index: a sort would hide what is
// wrong with it, and leave its temporary rows in the database.
func (c *checker) servedBy(index Index, sql string) (served bool, err error) {
	err = c.r.Query("EXPLAIN "+sql, nil, func(values []any) error {
		served = strings.HasPrefix(text(values[0]), fmt.Sprintf("index.Scan(%q)", index.Name))
		return nil
	})
	return served, err
}

// rowName names a row without showing its key, which may be a token.
func rowName(key any) string {
	sum := sha256.Sum256(fmt.Append(nil, key))
	return hex.EncodeToString(sum[:4])
}

// compare orders two values of one column as Chai does: null first.
func compare(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(boolInt(a != nil), boolInt(b != nil))
	}
	switch a := a.(type) {
	case bool:
		return cmp.Compare(boolInt(a), boolInt(b.(bool)))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		return strings.Compare(a, b.(string))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	}
	return a.(time.Time).Compare(b.(time.Time))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
