package gate

import (
	"slices"
	"strings"

	"chaisqld/gate/syntax"
)

// emptyCatalogues are the tables of PostgreSQL's catalogue that describe what cannot be made here. Whatever joins them has no
// rows, and a client that looks for triggers or policies of a table is told that there are none.
var emptyCatalogues = syntax.WordSet(`pg_auth_members pg_db_role_setting pg_default_acl pg_event_trigger pg_extension
	pg_foreign_data_wrapper pg_foreign_server pg_foreign_table pg_inherits pg_partitioned_table pg_policy pg_publication
	pg_publication_namespace pg_publication_rel pg_rewrite pg_statistic_ext pg_subscription pg_trigger pg_user_mapping
	pg_user_mappings`)

// emptyFunctions may stand in a select list without making a row of no row, as an aggregate would.
var emptyFunctions = syntax.WordSet(`pg_get_constraintdef pg_get_expr pg_get_userbyid pg_get_triggerdef pg_get_ruledef
	pg_get_statisticsobjdef_columns array_to_string obj_description format format_type concat_ws any array exists in coalesce
	case when then else and or not`)

// emptyPlan is the plan for queries that find nothing, nil for others.
func emptyPlan(queries []syntax.CatalogueQuery) *Plan {
	for _, q := range queries {
		if !findsNothing(q) || len(q.Items) != len(queries[0].Items) {
			return nil
		}
	}
	if len(queries) == 0 {
		return nil
	}
	p := &Plan{Verb: Select, Access: None, run: noRows{}}
	for _, item := range queries[0].Items {
		p.Columns = append(p.Columns, Column{item.Name, Text})
	}
	return p
}

// emptyConditions are those that no constraint meets: there are primary keys alone.
var emptyConditions = []string{"contype = 'f'", "r.contype = 'f'", "contype = 'c'", "r.contype = 'c'"}

// findsNothing says whether one of the tables that all rows are made of is empty.
func findsNothing(q syntax.CatalogueQuery) bool {
	empty := len(q.From) == 1 && strings.HasPrefix(q.From[0].String(), "pg_constraint") &&
		slices.ContainsFunc(q.Where, func(t syntax.Terms) bool { return slices.Contains(emptyConditions, t.String()) })
	for _, piece := range q.From {
		words := strings.Fields(strings.TrimPrefix(piece.String(), "inner "))
		if len(words) < 2 {
			words = append(words, "", "")
		}
		switch words[0] {
		case "left":
		case "right", "full", "cross", "natural", "":
			return false
		case "join":
			empty = empty || emptyCatalogues[words[1]]
		default:
			empty = empty || emptyCatalogues[words[0]]
		}
	}
	return empty && !slices.ContainsFunc(q.Items, func(i syntax.CatalogueItem) bool { return !perRow(i.Terms) })
}

// perRow says whether an expression is one of a row: it calls no function that is not known to be such, but in a SELECT of its own.
func perRow(t syntax.Terms) bool {
	open := 0 // parentheses inside of a SELECT
	for i, term := range t {
		text := term.Text
		switch {
		case term.Constant:
		case open > 0 && text == "(":
			open++
		case open > 0 && text == ")":
			open--
		case open > 0:
		case text == "*":
			return false
		case text != "(":
		case i+1 < len(t) && t[i+1] == syntax.Term{Text: "select"}:
			open = 1
		case i > 0 && !t[i-1].Constant && isName(t[i-1].Text) && !emptyFunctions[t[i-1].Text]:
			return false
		}
	}
	return true
}

// isName says whether a term is a word or a quoted name.
func isName(text string) bool {
	return text[0] == '"' || text[0] == '_' || text[0] >= 'a' && text[0] <= 'z' || text[0] >= 0x80
}

// noRows runs what finds nothing.
type noRows struct{}

func (noRows) execute(*execution) (*Result, error) { return &Result{Tag: selectTags.of(0)}, nil }
func (noRows) bytes([]any) int                     { return 0 }
