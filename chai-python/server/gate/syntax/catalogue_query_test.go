package syntax

import (
	"strings"
	"testing"
)

// spelled writes the pieces of queries one behind the other.
func spelled(queries []CatalogueQuery) string {
	var parts []string
	add := func(label string, list []Terms) {
		for _, t := range list {
			parts = append(parts, label+" "+t.String())
		}
	}
	for _, q := range queries {
		for _, item := range q.Items {
			parts = append(parts, "item "+item.String()+" = "+item.Name)
		}
		add("from", q.From)
		add("where", q.Where)
		add("order", q.OrderBy)
	}
	return strings.Join(parts, "\n")
}

func TestCatalogueQueriesAreCutUp(t *testing.T) {
	for _, test := range []struct{ sql, want string }{
		{`SELECT C.OID, n.nspname AS "Schema" FROM pg_catalog.pg_class c;`, "item c.oid = oid\nitem n.nspname = Schema\nfrom pg_class c"},
		{`select pg_catalog.f(c.a, 'it''s')::pg_catalog.text, 'x', (SELECT b.y FROM z), CASE a WHEN 'r' THEN 1 END, NULL FROM "pg_catalog"."x"`,
			"item f ( c.a , 'it''s' ) :: text = f\nitem 'x' = ?column?\nitem ( select b.y from z ) = y\nitem case a when 'r' then 1 end = case\nitem null = ?column?\nfrom x"},
		{`SELECT a FROM x, y LEFT OUTER JOIN z ON (a = b AND c = d) JOIN v ON e = f WHERE x.n OPERATOR(pg_catalog.~) '^(a)$' COLLATE pg_catalog.default
			AND (b OR c AND d) and x.oid = '123' /* and */ ORDER BY 1, a DESC`,
			"item a = a\nfrom x\nfrom y\nfrom left outer join z on ( a = b and c = d )\nfrom join v on e = f\n" +
				"where x.n ~ '^(a)$'\nwhere ( b or c and d )\nwhere x.oid = '#'\norder 1\norder a desc"},
		{`SELECT a FROM x UNION ALL SELECT b FROM y UNION SELECT c FROM z ORDER BY 1`, "item a = a\nfrom x\nitem b = b\nfrom y\nitem c = c\nfrom z\norder 1"},
		{`SELECT "a.b"."From", 'from' "x" FROM y WHERE a IN ('1', $1)`, "item \"a.b\".\"From\" = From\nitem 'from' x = ?column?\nfrom y\nwhere a in ( '#' , $1 )"},
		{`SELECT DISTINCT a FROM x`, ""}, {`SELECT a`, ""}, {`SELECT a FROM x LIMIT 1`, ""}, {`SELECT a FROM x GROUP BY 1`, ""}, {`SELECT a FROM x ORDER 1`, ""},
		{`SELECT a FROM x UNION`, ""}, {`SELECT a FROM x; SELECT a FROM x`, ""}, {`SELECT a FROM x FOR UPDATE`, ""}, {`INSERT INTO x SELECT a FROM x`, ""},
		{`SELECT 'a FROM x`, ""}, {`SELECT '` + strings.Repeat("a", maxCatalogueQuery) + `' FROM x`, ""}, {``, ""},
	} {
		if got := spelled(CatalogueQueries(test.sql, testDepth)); got != test.want {
			t.Errorf("%.100s:\n got %s\nwant %s", test.sql, got, test.want)
		}
	}
}
