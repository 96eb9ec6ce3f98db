package gate

import "chaisqld/gate/syntax"

// Statements of the session: package wire carries them out, the gate only says what they ask for.

// sessionPlan describes a statement that the session answers.
func sessionPlan(s *syntax.Session) *Plan {
	switch s.Verb {
	case "begin":
		return &Plan{Verb: Begin, Tag: "BEGIN", Session: BeginOptions{ReadOnly: s.ReadOnly, Isolation: s.Isolation}}
	case "commit":
		return &Plan{Verb: Commit, Tag: "COMMIT", Session: EndOptions{s.Chain}}
	case "rollback":
		return &Plan{Verb: Rollback, Tag: "ROLLBACK", Session: EndOptions{s.Chain}}
	case "set":
		return &Plan{Verb: Set, Tag: "SET", Session: SetOption{Name: s.Name, Values: s.Values, Default: s.Values == nil, Local: s.Local}}
	case "reset":
		return &Plan{Verb: Reset, Tag: "RESET", Session: ResetOption{s.Name}}
	case "show":
		return &Plan{Verb: Show, Tag: "SHOW", Session: ShowOption{s.Name}, Columns: showColumns(s.Name)}
	case "discard":
		return &Plan{Verb: Discard, Tag: discardTag(s.Name), Session: DiscardOption{s.Name}}
	}
	tag := "DEALLOCATE"
	if s.Name == "" {
		tag = "DEALLOCATE ALL"
	}
	return &Plan{Verb: Deallocate, Tag: tag, Session: DeallocateOption{s.Name}}
}

// showColumns are what SHOW answers with: one column of the setting's name, or three for ALL.
func showColumns(name string) []Column {
	if name == "" {
		return []Column{{"name", Text}, {"setting", Text}, {"description", Text}}
	}
	if spelling := settingSpelling[name]; spelling != "" {
		name = spelling
	}
	return []Column{{name, Text}}
}

// settingSpelling has the settings that PostgreSQL does not write in lower case.
var settingSpelling = map[string]string{"timezone": "TimeZone", "datestyle": "DateStyle", "intervalstyle": "IntervalStyle"}

func discardTag(what string) string {
	switch what {
	case "cursors":
		return "CLOSE CURSOR ALL"
	case "listeners":
		return "UNLISTEN"
	}
	return "DISCARD " + upperWord(what)
}

func upperWord(s string) string {
	if s == "temporary" {
		s = "temp"
	}
	b := []byte(s)
	for i := range b {
		if b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
