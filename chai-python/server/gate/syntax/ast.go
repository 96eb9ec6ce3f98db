package syntax

// The tree: what parsing gives, and package gate binds.

// Statement is one of the pointer types below.
type Statement interface{ statement() }

// Name is an identifier with the position of its first character.
type Name struct {
	Text   string
	At     int
	Schema string // one of PostgreSQL's own, which only FROM may name, or one that is not there, for DROP … IF EXISTS
}

// Select is SELECT … [FROM …], VALUES or TABLE.
type Select struct {
	At       int
	Values   [][]Expr // VALUES; nil for all else
	Distinct bool
	Items    []Item
	Table    *Table // nil without FROM
	Where    Expr   // nil: every row
	GroupBy  []Expr
	Having   Expr // nil: every group
	OrderBy  []Order
	Limit    Expr // nil: none
	Offset   Expr
}

// Explain is EXPLAIN of a SELECT, VALUES, TABLE, INSERT, UPDATE or DELETE.
type Explain struct {
	At        int
	Statement Statement
}

// Table is a table in FROM, INTO or UPDATE.
type Table struct {
	Name  Name
	Alias string // "" none
}

// Item is one entry of a select list or of RETURNING. Expr is nil for *.
type Item struct {
	Expr  Expr
	Alias string
	Star  string // qualifier of "t.*"
	At    int
}

// Order is one ORDER BY entry.
type Order struct {
	Expr       Expr
	Descending bool
	NullsFirst *bool // nil: PostgreSQL's default, last when ascending
}

// Insert is INSERT INTO …, of the Rows of a VALUES or of a Query.
type Insert struct {
	Table     Table
	Columns   []Name // nil: all in order
	Rows      [][]Expr
	Query     *Select
	Conflict  *Conflict // nil: an error
	Returning []Item
}

// Conflict is ON CONFLICT.
type Conflict struct {
	Target []Name // nil: any
	Set    []Assignment
	Where  Expr
	Update bool // false: DO NOTHING
	At     int
}

// Assignment is one "column = value" of SET.
type Assignment struct {
	Column Name
	Value  Expr
}

// Update is UPDATE … SET ….
type Update struct {
	Table     Table
	Set       []Assignment
	Where     Expr
	Returning []Item
}

// Delete is DELETE FROM ….
type Delete struct {
	Table     Table
	Where     Expr
	Returning []Item
}

// CreateTable is CREATE TABLE.
type CreateTable struct {
	Name        Name
	IfNotExists bool
	Columns     []ColumnDef
	PrimaryKey  []Name // table-level; nil none
	KeyAt       int
}

// ColumnDef is one column of CREATE TABLE.
type ColumnDef struct {
	Name       Name
	Type       TypeName
	NotNull    bool
	PrimaryKey bool
	Default    Expr   // nil none
	Wrong      string // "" or how its clauses contradict each other
	KeyTwice   bool
}

// TypeName is a type as written, spaces normalised: "character varying", "timestamp with time zone".
type TypeName struct {
	Name      string
	Modifiers []string // the numbers in parentheses
	Fields    string   // of an interval: "", "day", "day to second", …
	Array     bool
	At        int
}

// CreateIndex is CREATE INDEX.
type CreateIndex struct {
	Name        Name // Text "" if left out
	IfNotExists bool
	Unique      bool
	Table       Name
	Columns     []IndexColumn
	At          int
}

// IndexColumn is one column of CREATE INDEX.
type IndexColumn struct {
	Name       Name
	Descending bool
}

// Drop is DROP TABLE or DROP INDEX.
type Drop struct {
	Index    bool
	Names    []Name
	IfExists bool
}

// Truncate is TRUNCATE.
type Truncate struct{ Names []Name }

// Session is a statement that the session answers. Verb is "begin", "commit", "rollback", "set", "reset", "show",
// "discard" or "deallocate".
type Session struct {
	Verb      string
	Name      string   // setting, statement or what to discard; "" is ALL
	Values    []string // SET: values, nil for DEFAULT
	Local     bool     // SET LOCAL
	ReadOnly  bool     // BEGIN
	Isolation string   // BEGIN; "" not said
	Chain     bool     // COMMIT, ROLLBACK
}

func (*Select) statement()      {}
func (*Insert) statement()      {}
func (*Update) statement()      {}
func (*Delete) statement()      {}
func (*CreateTable) statement() {}
func (*CreateIndex) statement() {}
func (*Drop) statement()        {}
func (*Truncate) statement()    {}
func (*Explain) statement()     {}
func (*Session) statement()     {}

// Expr is an expression; At is the byte offset where it begins.
type Expr interface{ At() int }

type at int

// At is the byte offset of the expression in the source.
func (a at) At() int { return int(a) }

// The expressions.
type (
	// Literal is a constant as written.
	Literal struct {
		at
		Kind LiteralKind
		Text string
	}
	// Param is $N.
	Param struct {
		at
		Number int
	}
	// Column is a column, Table its qualifier or "".
	Column struct {
		at
		Table, Name string
	}
	// Call is a function call; Star for count(*). Keyword: a function written without parentheses, like current_user.
	// Distinct, OrderBy and Filter say which rows an aggregate takes in, and how.
	Call struct {
		at
		Name          string
		Args          []Expr
		Star, Keyword bool
		Distinct      bool
		OrderBy       []Order
		Filter        Expr // nil: every row
	}
	// Cast is CAST(x AS t) or x::t.
	Cast struct {
		at
		X    Expr
		Type TypeName
	}
	// Sign is -x or +x.
	Sign struct {
		at
		X     Expr
		Minus bool
	}
	// Binary is a comparison, arithmetic or concatenation: = <> < <= > >= + - * / % ||.
	Binary struct {
		at
		Op          string
		Left, Right Expr
	}
	// Logical is a chain of AND or of OR.
	Logical struct {
		at
		Or    bool
		Terms []Expr
	}
	// Not is NOT x.
	Not struct {
		at
		X Expr
	}
	// IsNull is x IS [NOT] NULL.
	IsNull struct {
		at
		X   Expr
		Not bool
	}
	// IsTruth is x IS [NOT] TRUE, FALSE or, if Unknown is set, UNKNOWN.
	IsTruth struct {
		at
		X         Expr
		Value     bool
		Unknown   bool
		Otherwise bool // IS NOT
	}
	// In is x [NOT] IN (list) or, with Select, x [NOT] IN (SELECT …).
	In struct {
		at
		X      Expr
		List   []Expr
		Select *Select
		Not    bool
	}
	// Quantified is x = ANY (array) or, with Not, x <> ALL (array).
	Quantified struct {
		at
		X, Array Expr
		Not      bool
	}
	// Array is ARRAY[…].
	Array struct {
		at
		Items []Expr
	}
	// Between is x [NOT] BETWEEN low AND high.
	Between struct {
		at
		X, Low, High Expr
		Not          bool
	}
	// Like is x [NOT] LIKE or ILIKE pattern; Escape nil: the backslash.
	Like struct {
		at
		X, Pattern, Escape Expr
		AnyCase, Not       bool
	}
	// Distinct is x IS [NOT] DISTINCT FROM y.
	Distinct struct {
		at
		X, Y Expr
		Not  bool
	}
	// Case is CASE [operand] WHEN … THEN … [ELSE …] END.
	Case struct {
		at
		Operand Expr // nil: the conditions stand for themselves
		Whens   []When
		Else    Expr // nil: NULL
	}
	// Choice is COALESCE, NULLIF, GREATEST or LEAST, its name in lower case.
	Choice struct {
		at
		Name string
		Args []Expr
	}
	// Subquery is (SELECT …) as a value, or EXISTS (SELECT …). Column is the name of its column, once that is known.
	Subquery struct {
		at
		Select *Select
		Exists bool
		Column string
	}
	// Default is the keyword DEFAULT as a value.
	Default struct{ at }
)

// When is one branch of CASE.
type When struct{ Condition, Value Expr }

// LiteralKind tells the constants apart.
type LiteralKind uint8

// The kinds of constants.
const (
	Null LiteralKind = iota
	String
	Integer
	Decimal
	True
	False
)
