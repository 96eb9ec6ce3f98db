package syntax

import "strings"

// catalogueSchemas are PostgreSQL's own.
var catalogueSchemas = WordSet("pg_catalog information_schema")

// CatalogueTable finds the first table of PostgreSQL's own schemas that a FROM or JOIN of the source names, whether or not
// the rest can be parsed. It gives the name with its schema and the byte offset; "" if there is none.
func CatalogueTable(source string, depth int) (name string, at int) {
	l := lexer{source: source, depth: depth}
	tokens, err := l.tokens()
	if err != nil {
		return "", 0
	}
	for i := 1; i < len(tokens); i++ {
		if before := tokens[i-1]; !before.is("from") && !before.is("join") && !before.is(",") {
			continue
		}
		switch t := tokens[i]; {
		case t.kind != word && t.kind != quoted:
		case catalogueSchemas[t.value] && i+3 < len(tokens) && tokens[i+1].is(".") && !tokens[i+3].is("("):
			return t.value + "." + tokens[i+2].value, t.at
		case strings.HasPrefix(t.value, "pg_") && !tokens[i-1].is(",") && !tokens[i+1].is("(") && !tokens[i+1].is("."):
			return "pg_catalog." + t.value, t.at
		}
	}
	return "", 0
}

// columnKeywords may name a column without quotes, but PostgreSQL writes them in quotes all the same.
var columnKeywords = WordSet(`between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
	inout int integer interval least national nchar none normalize nullif numeric out overlay position precision real row setof
	smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
	xmlparse xmlpi xmlroot xmlserialize xmltable`)

// Quoted writes an identifier as PostgreSQL does: in quotes only where it would be read as something else without.
func Quoted(name string) string {
	plain := name != "" && !reserved[name] && !columnKeywords[name]
	for i := 0; i < len(name); i++ {
		c := name[i]
		plain = plain && (c == '_' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9')
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
