package engine

import (
	"strings"
	"testing"
)

func TestNamesComeBack(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		"a", "notes", "n_1", "key", "Key", "index", "order", "Order", "__chai", "__chai_catalog", "__q_key", "__b_key", "__q_", "__b_", "__Q_key", "1a", "a b",
		`a"b`, "é", "Ω🜁", "a.b", "select", "SELECT", "_", "__", "ORDER", "timestamp", strings.Repeat("é", 31), strings.Repeat("x", 63), "-- x", "a;b", "\t",
	} {
		for kind, stored := range map[string]string{"relation ": StoredRelation(name), "column ": StoredColumn(name)} {
			if got := ShownName(stored); got != name {
				t.Errorf("%s%q is stored as %q and shown as %q", kind, name, stored, got)
			}
			if !plainName(stored) || chaiKeywords[strings.ToLower(stored)] || strings.HasPrefix(stored, chaiPrefix) {
				t.Errorf("%s%q is stored as %q, which Chai cannot keep", kind, name, stored)
			}
			if other, taken := seen[kind+strings.ToLower(stored)]; taken && kind == "relation " {
				t.Errorf("%q and %q are both stored as %q", name, other, stored)
			}
			seen[kind+strings.ToLower(stored)] = name
		}
		if stored := StoredRelation(name); stored != strings.ToLower(stored) || len(stored) > 120 {
			t.Errorf("relation %q is stored as %q", name, stored)
		}
	}
	if StoredColumn("Mixed") != "Mixed" || StoredRelation("notes") != "notes" || StoredColumn("key") != "__q_key" {
		t.Error("plain names are stored otherwise than they are")
	}
}
