package engine

// What direct rows leave to Chai is done by these statements.

import (
	"fmt"
	"strings"

	"chaisqld/pgerr"
)

func quoteName(name string) string { return `"` + name + `"` }

func (t *Table) whereKey(n int) string {
	return fmt.Sprintf(" WHERE %s = $%d", quoteName(t.PrimaryKey[0]), n)
}

// selectRow reads a row by a statement, nil when there is none.
func selectRow(r Reader, t *Table, key any) (found []any, err error) {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quoteName(c.Name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + quoteName(t.Name) + t.whereKey(1)
	err = r.Query(sql, []any{key}, func(values []any) error {
		found = append([]any(nil), values...)
		return Stop
	})
	return found, err
}

func (t *Table) insertSentence() string {
	names, marks := make([]string, len(t.Columns)), make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i], marks[i] = quoteName(c.Name), fmt.Sprintf("$%d", i+1)
	}
	return "INSERT INTO " + quoteName(t.Name) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
}

func (t *Table) updateSentence(places []int) string {
	parts := make([]string, len(places))
	for i, place := range places {
		parts[i] = fmt.Sprintf("%s = $%d", quoteName(t.Columns[place].Name), i+1)
	}
	return "UPDATE " + quoteName(t.Name) + " SET " + strings.Join(parts, ", ") + t.whereKey(len(places)+1)
}

func (t *Table) deleteSentence() string {
	return "DELETE FROM " + quoteName(t.Name) + t.whereKey(1)
}

// checkTable refuses a table of another catalogue: its rows may be elsewhere now.
func checkTable(c *Catalogue, t *Table) error {
	if c.Table(t.Name) != t {
		return pgerr.New(pgerr.InternalError, "table %s is not of this transaction's catalogue", t.Name)
	}
	if len(t.PrimaryKey) != 1 {
		return pgerr.New(pgerr.InternalError, "the primary key of table %s is not a single column", t.Name)
	}
	return nil
}
