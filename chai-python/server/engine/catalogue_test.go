package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chaisqld/pgerr"
)

func define(e *Engine, ddl ...string) error {
	return e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
		for _, statement := range ddl {
			if err := w.Define(statement); err != nil {
				return err
			}
		}
		return nil
	}})
}

func TestCatalogueModelsWhatChaiStores(t *testing.T) {
	for _, test := range []struct {
		ddl  []string
		want Table
	}{
		{[]string{sessionsDDL, expiryDDL}, Table{
			Name: "sessions",
			Columns: []Column{{Name: "token", Type: TypeText, NotNull: true}, {Name: "data", Type: TypeBytea, NotNull: true},
				{Name: "expiry", Type: TypeTimestamp, NotNull: true}},
			PrimaryKey: []string{"token"},
			Indexes:    []Index{{Name: "idx_sessions_expiry", Table: "sessions", Columns: []string{"expiry"}}},
		}},
		{[]string{`CREATE TABLE Every (a INT PRIMARY KEY, b BIGINT UNIQUE, c DOUBLE PRECISION NOT NULL DEFAULT 1.5, d BOOL DEFAULT true,
			e TEXT DEFAULT 'it, (x', f INTEGER DEFAULT -3, g TIMESTAMP DEFAULT '2020-01-01T00:00:00Z', h BYTEA DEFAULT NULL)`}, Table{
			Name: "Every",
			Columns: []Column{{Name: "a", Type: TypeInteger, NotNull: true}, {Name: "b", Type: TypeBigint},
				{Name: "c", Type: TypeDouble, NotNull: true, Default: "1.5"}, {Name: "d", Type: TypeBoolean, Default: "true"},
				{Name: "e", Type: TypeText, Default: "'it, (x'"}, {Name: "f", Type: TypeInteger, Default: "-3"},
				{Name: "g", Type: TypeTimestamp, Default: "'2020-01-01T00:00:00Z'"}, {Name: "h", Type: TypeBytea}},
			PrimaryKey: []string{"a"},
			Indexes:    []Index{{Name: "Every_b_idx", Table: "Every", Columns: []string{"b"}, Unique: true}},
		}},
		{[]string{"CREATE TABLE pair (a INT, b TEXT, PRIMARY KEY (a, b))"}, Table{
			Name:       "pair",
			Columns:    []Column{{Name: "a", Type: TypeInteger, NotNull: true}, {Name: "b", Type: TypeText, NotNull: true}},
			PrimaryKey: []string{"a", "b"},
		}},
	} {
		e := open(t, Options{Dir: Memory})
		if err := define(e, test.ddl...); err != nil {
			t.Fatal(err)
		}
		if got := described(e.Catalogue().Table(test.want.Name)); !reflect.DeepEqual(got, &test.want) {
			t.Errorf("%s\n got %+v\nwant %+v", test.ddl[0], got, test.want)
		}
	}
}

func TestCatalogueSaysWhatItCannotModel(t *testing.T) {
	for _, test := range []struct{ ddl, index, want string }{
		{"CREATE TABLE t (a INT PRIMARY KEY, CHECK (a > 1))", "", "CHECK"},
		{"CREATE TABLE t (a INT PRIMARY KEY, b INT CHECK (b > 1))", "", "CHECK"},
		{"CREATE TABLE t (a INT PRIMARY KEY, b INT DEFAULT 1 + 2)", "", "default of column b"},
		{"CREATE TABLE t (a INT, PRIMARY KEY (a DESC))", "", "descending"},
		{"CREATE TABLE t (a INT PRIMARY KEY, b INT, c INT, UNIQUE (b, c))", "", "several columns"},
		{"CREATE TABLE t (a INT PRIMARY KEY, b INT)", "CREATE INDEX i ON t (b DESC)", "descending"},
		{"CREATE TABLE t (a INT PRIMARY KEY, b INT)", "CREATE INDEX i ON t (b, a)", "several columns"},
	} {
		e := open(t, Options{Dir: Memory})
		ddl := []string{test.ddl}
		if test.index != "" {
			ddl = append(ddl, test.index)
		}
		if err := define(e, ddl...); err != nil {
			t.Fatal(test.ddl, err)
		}
		if got := e.Catalogue().Table("t").Unsupported; !strings.Contains(got, test.want) {
			t.Errorf("%s %s: unsupported is %q, want something with %q", test.ddl, test.index, got, test.want)
		}
	}
}

// Each of these would leave a directory that Chai cannot open again.
func TestSchemaThatChaiCannotReadAgainIsRefused(t *testing.T) {
	for _, ddl := range []string{
		`CREATE TABLE t (a INT PRIMARY KEY, "order" TEXT)`,
		`CREATE TABLE t ("Col A" INT PRIMARY KEY)`,
		`CREATE TABLE "we ird" (a INT PRIMARY KEY)`,
		`CREATE TABLE t (a INT PRIMARY KEY, b TEXT DEFAULT 'a' || 'b')`,
		`CREATE TABLE t ("x INTEGER, y" INTEGER PRIMARY KEY)`,
		`CREATE TABLE "select" (a INT PRIMARY KEY)`,
		`CREATE INDEX "group" ON sessions (data)`,
		`CREATE INDEX "i x" ON sessions (data)`,
	} {
		dir := t.TempDir()
		e := sessions(t, Options{Dir: dir})
		before := e.Catalogue()
		wantCode(t, define(e, ddl), pgerr.FeatureNotSupported)
		if e.Catalogue() != before {
			t.Errorf("%s: the catalogue changed", ddl)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if e := open(t, Options{Dir: dir}); e.Catalogue().Table("sessions") == nil || len(e.Catalogue().Tables()) != 1 {
			t.Errorf("%s: it was not rolled back", ddl)
		}
	}
}

func TestCatalogueFollowsTheTransaction(t *testing.T) {
	e := open(t, Options{})
	first := e.Catalogue()
	l := lease(t, e)
	err := l.Run(func(w Writer) error {
		if err := w.Define(sessionsDDL); err != nil {
			return err
		}
		if w.Catalogue().Table("sessions") == nil || w.Catalogue().Version <= first.Version {
			t.Errorf("the transaction does not see its own table: %+v", w.Catalogue())
		}
		return insert("a", nil, epoch)(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	if e.Catalogue() != first {
		t.Error("others see a table that is not committed")
	}
	old, err := e.Snapshot(background)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := l.Commit(); err != nil {
		t.Fatal(err)
	}
	created := e.Catalogue()
	if created.Table("SESSIONS") == nil {
		t.Error("the table is not published")
	}
	if err := old.Run(func(r Reader) error {
		if r.Catalogue() != first {
			t.Error("a held snapshot changed its catalogue")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	l = lease(t, e)
	if err := l.Run(func(w Writer) error { return w.Define("DROP TABLE sessions") }); err != nil {
		t.Fatal(err)
	}
	if err := l.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, e); n != 1 || e.Catalogue() != created {
		t.Errorf("%d rows after a DROP that was rolled back", n)
	}
	if err := define(e, "DROP TABLE sessions"); err != nil {
		t.Fatal(err)
	}
	if e.Catalogue().Version <= created.Version+1 { // the one that was rolled back is not given again
		t.Errorf("version %d after %d", e.Catalogue().Version, created.Version)
	}
}

func TestDefineNeedsASchemaRequest(t *testing.T) {
	e := open(t, Options{Dir: Memory})
	err := e.Write(background, WriteRequest{Run: func(w Writer) error { return w.Define(sessionsDDL) }})
	wantCode(t, err, pgerr.InternalError)
}

func TestSchemaErrors(t *testing.T) {
	e := sessions(t, Options{Dir: Memory})
	for ddl, code := range map[string]string{
		"CREATE TABLE sessions (a TEXT PRIMARY KEY)":          pgerr.DuplicateTable,
		"CREATE INDEX idx_sessions_expiry ON sessions (data)": pgerr.DuplicateTable,
		"DROP TABLE nosuch": pgerr.UndefinedTable,
		"CREATE TABLE t (a INT PRIMARY KEY, b INT DEFAULT)":    pgerr.InternalError, // panics in Chai
		"CREATE TABLE t (a NOSUCH PRIMARY KEY)":                pgerr.FeatureNotSupported,
		"CREATE TABLE t (a TEXT PRIMARY KEY, a TEXT NOT NULL)": pgerr.InternalError,
	} {
		t.Run(ddl, func(t *testing.T) { wantCode(t, define(e, ddl), code) })
	}
}

func TestIndexLookup(t *testing.T) {
	c := NewCatalogue(1, &Table{Name: "B", Indexes: []Index{{Name: "z"}, {Name: "a"}}}, &Table{Name: "A"})
	if c.Index("A") == nil || c.Index("nosuch") != nil || c.Table("b") == nil || c.Table("nosuch") != nil {
		t.Error("lookup by name")
	}
	if got := fmt.Sprint(c.Tables()[0].Name, c.Tables()[1].Name, c.Table("B").Indexes[0].Name); got != "ABa" {
		t.Errorf("order is %s", got)
	}
}

// described is a table without the places in Pebble, which depend on what was created before.
func described(t *Table) *Table {
	if t == nil {
		return nil
	}
	plain := *t
	plain.namespace, plain.layout = 0, nil
	plain.Indexes = slices.Clone(t.Indexes)
	for i := range plain.Indexes {
		plain.Indexes[i].namespace = 0
	}
	return &plain
}
