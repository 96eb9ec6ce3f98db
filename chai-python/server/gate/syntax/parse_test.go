package syntax

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"chaisqld/pgerr"
)

const testDepth = 50

func TestTokens(t *testing.T) {
	for _, test := range []struct {
		source string
		want   []string // kind:value
	}{
		{"", nil},
		{" \t\r\n\f\v", nil},
		{"-- a comment", nil},
		{"a--b\nc", []string{"word:a", "word:c"}},
		{"a/*b/*c*/d*/e", []string{"word:a", "word:e"}},
		{"/**//***/x", []string{"word:x"}},
		{"SeLeCT é Ünï", []string{"word:select", "word:é", "word:Ünï"}},
		{`"WHERE" "a""b" "--"`, []string{"quoted:WHERE", `quoted:a"b`, "quoted:--"}},
		{`'it''s' '--' '/*'`, []string{"text:it's", "text:--", "text:/*"}},
		{"'a'\n 'b'", []string{"text:ab"}},
		{"'a' 'b'", []string{"text:a", "text:b"}},
		{`'a\n'`, []string{`text:a\n`}},
		{`E'a\n\t\\\'\x41\101\u00e9\U0001F600\q'`, []string{"text:a\n\t\\'AAé😀q"}},
		{"$$a'b$$ $x$ $$ $x$", []string{"text:a'b", "text: $$ "}},
		{"1 1.5 .5 1. 1e5 1E-5 1e+5", []string{"integer:1", "decimal:1.5", "decimal:.5", "decimal:1.", "decimal:1e5", "decimal:1E-5", "decimal:1e+5"}},
		{"$1$23", []string{"param:1", "param:23"}},
		{"a<-1", []string{"word:a", "symbol:<", "symbol:-", "integer:1"}},
		{"a>=-1", []string{"word:a", "symbol:>=", "symbol:-", "integer:1"}},
		{"a!=b<>c", []string{"word:a", "symbol:<>", "word:b", "symbol:<>", "word:c"}},
		{"a||b::int", []string{"word:a", "symbol:||", "word:b", "symbol:::", "word:int"}},
		{"a=/*x*/b", []string{"word:a", "symbol:=", "word:b"}},
		{"a@-b", []string{"word:a", "symbol:@-", "word:b"}},
		{"(,);.[]", []string{"symbol:(", "symbol:,", "symbol:)", "symbol:;", "symbol:.", "symbol:[", "symbol:]"}},
	} {
		l := lexer{source: test.source, depth: testDepth}
		tokens, err := l.tokens()
		if err != nil {
			t.Errorf("%q: %v", test.source, err)
			continue
		}
		var got []string
		names := map[kind]string{word: "word", quoted: "quoted", text: "text", integer: "integer", decimal: "decimal", param: "param", symbol: "symbol"}
		for _, token := range tokens[:len(tokens)-1] {
			got = append(got, names[token.kind]+":"+token.value)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.source, got, test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		source string
		want   []string
	}{
		{"", nil},
		{" ; -- x\n ;/* ; */", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"SELECT 1; SELECT 2 ;", []string{"SELECT 1", "SELECT 2"}},
		{"SELECT ';'; SELECT \";\" -- ;\n; E'\\';' ; $$;$$", []string{"SELECT ';'", "SELECT \";\"", "E'\\';'", "$$;$$"}},
		{"SELECT (1;2); SELECT 3", []string{"SELECT (1;2)", "SELECT 3"}},
	} {
		got, err := Split(test.source, testDepth)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %q, %v, want %q", test.source, got, err, test.want)
		}
	}
	if _, err := Split("SELECT 1; SELECT 'x", testDepth); err == nil {
		t.Error("an open string was split")
	}
}

func TestParseTrees(t *testing.T) {
	for source, want := range map[string]string{
		"a = 1":                              "(= a 1)",
		"1 = a":                              "(= 1 a)",
		"t.a":                                "t.a",
		"public.t.a":                         "t.a",
		`"A"`:                                "A",
		"a + 1 * b":                          "(+ a (* 1 b))",
		"a - 1 - b":                          "(- (- a 1) b)",
		"(a - (1 - b))":                      "(- a (- 1 b))",
		"-a::int":                            "(neg (cast a int))",
		"a or b and not c":                   "(or a (and b (not c)))",
		"a and b and c":                      "(and a b c)",
		"not a = 1":                          "(not (= a 1))",
		"a = 1 is null":                      "(null (= a 1))",
		"a is not null":                      "(notnull a)",
		"a is not true":                      "(isnot true a)",
		"a is false":                         "(is false a)",
		"a between 1 and b and c":            "(and (between a 1 b) c)",
		"a not between 1 and b":              "(notbetween a 1 b)",
		"a not in (1, $2)":                   "(notin a 1 $2)",
		"a < b + 1":                          "(< a (+ b 1))",
		"a = b in (c)":                       "(= a (in b c))",
		"cast('1' as double precision)":      "(cast '1' double precision)",
		"timestamp with time zone '2025'":    "(cast '2025' timestamp with time zone)",
		"'x'::varchar(5)::character varying": "(cast (cast 'x' varchar 5) character varying)",
		"count(*)":                           "(call count *)",
		"pg_catalog.version()":               "(call version)",
		"current_timestamp":                  "(call current_timestamp)",
		"null = true":                        "(= NULL true)",
		"((((a))))":                          "a",
	} {
		got, err := ParseExpr(source, testDepth)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if show(got) != want {
			t.Errorf("%s: got %s, want %s", source, show(got), want)
		}
	}
}

// show writes a tree with the operator first.
func show(x Expr) string {
	list := func(head string, xs ...Expr) string {
		for _, x := range xs {
			head += " " + show(x)
		}
		return "(" + head + ")"
	}
	not := func(negated bool) string { return map[bool]string{true: "not"}[negated] }
	switch x := x.(type) {
	case *Literal:
		return map[LiteralKind]string{Null: "NULL", String: "'" + x.Text + "'"}[x.Kind] + map[bool]string{true: x.Text}[x.Kind != String]
	case *Param:
		return fmt.Sprintf("$%d", x.Number)
	case *Column:
		return strings.TrimPrefix(x.Table+"."+x.Name, ".")
	case *Call:
		return list(strings.TrimSpace("call "+x.Name+map[bool]string{true: " *"}[x.Star]), x.Args...)
	case *Cast:
		return "(" + strings.TrimSpace("cast "+show(x.X)+" "+x.Type.Name+" "+strings.Join(x.Type.Modifiers, ",")) + ")"
	case *Sign:
		return list(map[bool]string{true: "neg", false: "pos"}[x.Minus], x.X)
	case *Binary:
		return list(x.Op, x.Left, x.Right)
	case *Logical:
		return list(map[bool]string{true: "or", false: "and"}[x.Or], x.Terms...)
	case *Not:
		return list("not", x.X)
	case *IsNull:
		return list(not(x.Not)+"null", x.X)
	case *IsTruth:
		return list("is"+not(x.Otherwise)+fmt.Sprint(" ", x.Value), x.X)
	case *In:
		return list(not(x.Not)+"in", append([]Expr{x.X}, x.List...)...)
	case *Between:
		return list(not(x.Not)+"between", x.X, x.Low, x.High)
	}
	return fmt.Sprintf("%T", x)
}

func TestParseFailures(t *testing.T) {
	for _, test := range []struct {
		source, code, message string
		position              int
	}{
		{"SELEC 1", pgerr.SyntaxError, `syntax error at or near "SELEC"`, 1},
		{"SELECT 1 FROM", pgerr.SyntaxError, "syntax error at end of input", 14},
		{"SELECT a FROM t WHERE WHERE", pgerr.SyntaxError, `syntax error at or near "WHERE"`, 23},
		{"SELECT é FROM t )", pgerr.SyntaxError, `syntax error at or near ")"`, 17},
		{"SELECT a b c FROM t", pgerr.SyntaxError, `syntax error at or near "c"`, 12},
		{"SELECT 'a", pgerr.SyntaxError, `unterminated quoted string at or near "'a"`, 8},
		{`SELECT "a`, pgerr.SyntaxError, `unterminated quoted identifier at or near ""a"`, 8},
		{`SELECT ""`, pgerr.SyntaxError, "zero-length delimited identifier", 8},
		{"SELECT /* a", pgerr.SyntaxError, "unterminated /* comment", 8},
		{"SELECT $$a", pgerr.SyntaxError, `unterminated dollar-quoted string at or near "$$a"`, 8},
		{"SELECT 1a", pgerr.SyntaxError, `trailing junk after numeric literal at or near "1a"`, 8},
		{"SELECT $1a", pgerr.SyntaxError, `trailing junk after parameter at or near "$1a"`, 8},
		{"SELECT {", pgerr.SyntaxError, `syntax error at or near "{"`, 8},
		{"SELECT E'\\uD800'", pgerr.SyntaxError, "invalid Unicode escape", 10},
		{"SELECT 1; SELECT 2", pgerr.SyntaxError, "cannot insert multiple commands into a prepared statement", 11},
		{"INSERT INTO t VALUES (1", pgerr.SyntaxError, "syntax error at end of input", 24},
		{"SELECT a = b = c", pgerr.SyntaxError, `syntax error at or near "="`, 14},
		{"SELECT select", pgerr.SyntaxError, `syntax error at or near "select"`, 8},
		{"SELECT $0", pgerr.UndefinedParameter, "there is no parameter $0", 8},
		{"SELECT $99999999999999999999", pgerr.UndefinedParameter, "there is no parameter $99999999999999999999", 8},
		{"DELETE FROM pg_catalog.pg_class", "3F000", `schema "pg_catalog" does not exist`, 13},
		{"SELECT 'a\x00'", pgerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x00`, 10},
		{"SELECT '\xff'", pgerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8"`, 0},
		{"SELECT E'\\xff'", pgerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8"`, 8},
		{"SELECT E'\\000'", pgerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8"`, 8},

		{"SELECT a FROM t GROUP BY CUBE (a)", pgerr.FeatureNotSupported, "GROUP BY with grouping sets is not supported", 26},
		{"SELECT a FROM t GROUP BY ()", pgerr.FeatureNotSupported, "GROUP BY with grouping sets is not supported", 26},
		{"SELECT a FROM t GROUP BY a, GROUPING SETS (a)", pgerr.FeatureNotSupported, "GROUP BY with grouping sets is not supported", 29},
		{"SELECT max(a) WITHIN GROUP (ORDER BY a)", pgerr.FeatureNotSupported, "WITHIN GROUP is not supported", 15},
		{"SELECT count(*) FILTER (a)", pgerr.SyntaxError, "syntax error at or near \"a\"", 25},
		{"SELECT a FROM t JOIN u ON true", pgerr.FeatureNotSupported, "a join is not supported", 17},
		{"SELECT a FROM t, u", pgerr.FeatureNotSupported, "a join is not supported", 16},
		{"SELECT a FROM (SELECT 1) x", pgerr.FeatureNotSupported, "a subquery in FROM is not supported", 15},
		{"SELECT a FROM t UNION SELECT 1", pgerr.FeatureNotSupported, "UNION is not supported", 17},
		{"SELECT a FROM t FOR UPDATE", pgerr.FeatureNotSupported, "FOR is not supported", 17},
		{"SELECT DISTINCT ON (a) a FROM t", pgerr.FeatureNotSupported, "DISTINCT ON is not supported", 17},
		{"SELECT DISTINCT FROM t", pgerr.SyntaxError, "syntax error at or near \"FROM\"", 17},
		{"SELECT CASE WHEN a THEN b", pgerr.SyntaxError, "syntax error at end of input", 26},
		{"SELECT a SIMILAR TO 'x'", pgerr.FeatureNotSupported, "SIMILAR is not supported", 10},
		{"SELECT a ~ 'x'", pgerr.FeatureNotSupported, "operator ~ is not supported", 10},
		{"SELECT ((SELECT 1) LIMIT 1)", pgerr.FeatureNotSupported, "LIMIT after a query in parentheses is not supported", 20},
		{"SELECT 1 IN ((SELECT 1) UNION SELECT 2)", pgerr.FeatureNotSupported, "UNION is not supported", 25},
		{"SELECT (WITH a AS (SELECT 1) SELECT 2)", pgerr.FeatureNotSupported, "WITH is not supported", 9},
		{"SELECT 1 IN ((SELECT 1), 2", pgerr.SyntaxError, "syntax error at end of input", 27},
		{"SELECT a < ANY ($1)", pgerr.FeatureNotSupported, "< ANY (…) is not supported", 12},
		{"SELECT a = ALL ($1)", pgerr.FeatureNotSupported, "= ALL (…) is not supported", 12},
		{"SELECT a = ANY (SELECT 1)", pgerr.FeatureNotSupported, "ANY (SELECT …) is not supported", 12},
		{"SELECT X'00'", pgerr.FeatureNotSupported, "constants of the form X'…' are not supported", 8},
		{"SELECT count(*) OVER ()", pgerr.FeatureNotSupported, "OVER is not supported", 17},
		{"INSERT INTO t WITH a AS (SELECT 1) SELECT 1", pgerr.FeatureNotSupported, "WITH is not supported", 15},
		{"(SELECT 1) LIMIT 1", pgerr.FeatureNotSupported, "LIMIT after a query in parentheses is not supported", 12},
		{"VALUES (1) UNION SELECT 2", pgerr.FeatureNotSupported, "UNION is not supported", 12},
		{"VALUES (1) WHERE true", pgerr.SyntaxError, "syntax error at or near \"WHERE\"", 12},
		{"TRUNCATE ONLY t *", pgerr.SyntaxError, "syntax error at or near \"*\"", 17},
		{"UPDATE t SET a = 1 FROM u", pgerr.FeatureNotSupported, "UPDATE … FROM is not supported", 20},
		{"UPDATE t SET (a, b) = (1, 2)", pgerr.FeatureNotSupported, "SET with a list of columns is not supported", 14},
		{"DELETE FROM t USING u", pgerr.FeatureNotSupported, "DELETE … USING is not supported", 15},
		{"CREATE TABLE t (a TEXT PRIMARY KEY, CHECK (a > 'b'))", pgerr.FeatureNotSupported, "CHECK is not supported", 37},
		{"CREATE TABLE t (a TEXT UNIQUE)", pgerr.FeatureNotSupported, "UNIQUE in a column definition is not supported", 24},
		{"CREATE TABLE t AS SELECT 1", pgerr.FeatureNotSupported, "CREATE TABLE AS is not supported", 16},
		{"CREATE VIEW v AS SELECT 1", pgerr.FeatureNotSupported, "CREATE VIEW is not supported", 8},
		{"CREATE INDEX ON t (lower(a))", pgerr.FeatureNotSupported, "an index on an expression is not supported", 25},
		{"CREATE INDEX CONCURRENTLY i ON t (a)", pgerr.FeatureNotSupported, "CREATE INDEX CONCURRENTLY is not supported", 14},
		{"EXPLAIN ANALYZE SELECT 1", pgerr.FeatureNotSupported, "EXPLAIN ANALYZE is not supported", 9},
		{"EXPLAIN verbose SELECT 1", pgerr.FeatureNotSupported, "EXPLAIN VERBOSE is not supported", 9},
		{"EXPLAIN (COSTS off) SELECT 1", pgerr.FeatureNotSupported, "EXPLAIN with options is not supported", 9},
		{"EXPLAIN WITH a AS (SELECT 1) SELECT 1", pgerr.FeatureNotSupported, "WITH is not supported", 9},
		{"EXPLAIN TRUNCATE t", pgerr.SyntaxError, `syntax error at or near "TRUNCATE"`, 9},
		{"EXPLAIN EXPLAIN SELECT 1", pgerr.SyntaxError, `syntax error at or near "EXPLAIN"`, 9},
		{"EXPLAIN", pgerr.SyntaxError, "syntax error at end of input", 8},
		{"ALTER TABLE t ADD a TEXT", pgerr.FeatureNotSupported, "ALTER is not supported", 1},
		{"COPY t FROM STDIN", pgerr.FeatureNotSupported, "COPY is not supported", 1},
		{"SAVEPOINT a", pgerr.FeatureNotSupported, "SAVEPOINT is not supported", 1},
		{"ROLLBACK TO a", pgerr.FeatureNotSupported, "ROLLBACK TO SAVEPOINT is not supported", 10},
		{"WITH a AS (SELECT 1) SELECT 1", pgerr.FeatureNotSupported, "WITH is not supported", 1},
	} {
		_, err := Parse(test.source, testDepth)
		var e *pgerr.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v", test.source, err)
			continue
		}
		if e.Code != test.code || e.Message != test.message || e.Position != test.position {
			t.Errorf("%s:\n got %s %q at %d\nwant %s %q at %d", test.source, e.Code, e.Message, e.Position, test.code, test.message, test.position)
		}
		if e.Code == pgerr.FeatureNotSupported && e.Hint == "" {
			t.Errorf("%s: no hint says what is supported", test.source)
		}
	}
}

func TestNesting(t *testing.T) {
	nest := func(open, inner, shut string, n int) string {
		return "SELECT " + strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
	}
	for name, build := range map[string]func(n int) string{
		"parentheses": func(n int) string { return nest("(", "1", ")", n) },
		"not":         func(n int) string { return nest("NOT ", "true", "", n) },
		"minus":       func(n int) string { return nest("- ", "a", "", n) },
		"plus":        func(n int) string { return nest("", "1", "+1", n) },
		"casts":       func(n int) string { return nest("", "1", "::int", n) },
		"cast":        func(n int) string { return nest("CAST(", "1", " AS int)", n) },
		"calls":       func(n int) string { return nest("f(", "1", ")", n) },
		"is null":     func(n int) string { return nest("", "1", " IS NULL", n) },
		"in":          func(n int) string { return nest("1 IN (", "1", ")", n) },
		"comments":    func(n int) string { return nest("/*", "", "*/", n) + " 1" },
	} {
		if _, err := Parse(build(40), testDepth); err != nil {
			t.Errorf("%s, 40 deep: %v", name, err)
		}
		for _, n := range []int{60, 2000} {
			_, err := Parse(build(n), testDepth)
			var e *pgerr.Error
			if !errors.As(err, &e) || e.Code != pgerr.ProgramLimitExceeded {
				t.Errorf("%s, %d deep: error %v", name, n, err)
			}
		}
	}
	wide := "SELECT 1 FROM t WHERE a = 1" + strings.Repeat(" AND a = 1", 1500)
	if _, err := Parse(wide, testDepth); err != nil {
		t.Errorf("a wide AND: %v", err)
	}
}
