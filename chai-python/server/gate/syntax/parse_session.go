package syntax

import "strings"

// Transactions, settings, and what else concerns the session alone.

func (p *parser) begin() Statement {
	s := &Session{Verb: "begin"}
	if p.accept("start") {
		p.expect("transaction")
	} else {
		p.expect("begin")
		_ = p.acceptAny("work", "transaction")
	}
	p.transactionModes(s)
	return s
}

// transactionModes takes READ ONLY, READ WRITE, ISOLATION LEVEL … and [NOT] DEFERRABLE, with or without commas.
func (p *parser) transactionModes(s *Session) {
	for first := true; ; first = false {
		comma := !first && p.accept(",")
		switch {
		case p.accept("read", "only"):
			s.ReadOnly = true
		case p.accept("read", "write"):
			s.ReadOnly = false
		case p.accept("isolation", "level"):
			s.Isolation = p.isolation()
		case p.accept("deferrable"), p.accept("not", "deferrable"):
		case comma:
			p.unexpected()
		default:
			return
		}
	}
}

func (p *parser) isolation() string {
	for _, level := range []string{"serializable", "repeatable read", "read committed", "read uncommitted"} {
		if p.accept(strings.Fields(level)...) {
			return level
		}
	}
	p.unexpected()
	return ""
}

func (p *parser) finish() Statement {
	s := &Session{Verb: "commit"}
	if p.acceptAny("commit", "end") == "" {
		p.next++
		s.Verb = "rollback"
	}
	if t := p.peek(); t.is("prepared") {
		p.unsupported(t.at, "two-phase commit", "Use COMMIT or ROLLBACK.")
	}
	_ = p.acceptAny("work", "transaction")
	if t := p.peek(); t.is("to") {
		p.unsupported(t.at, "ROLLBACK TO SAVEPOINT", "Roll back the whole transaction.")
	}
	if p.accept("and") {
		no := p.accept("no")
		p.expect("chain")
		s.Chain = !no
	}
	return s
}

func (p *parser) set() Statement {
	p.expect("set")
	s := &Session{Verb: "set"}
	if p.accept("session", "characteristics", "as", "transaction") {
		return p.setTransaction(s, "default_")
	}
	if p.accept("transaction") {
		return p.setTransaction(s, "")
	}
	if !p.accept("session") {
		s.Local = p.accept("local")
	}
	switch {
	case p.identity(s):
		return s
	case p.accept("time", "zone"):
		s.Name = "timezone"
		if p.acceptAny("local", "default") == "" {
			s.Values = []string{p.setting()}
		}
		return s
	case p.accept("names"):
		s.Name = "client_encoding"
		if !p.accept("default") {
			s.Values = []string{p.setting()}
		}
		return s
	}
	s.Name = p.settingName()
	if p.acceptAny("to", "=") == "" {
		p.unexpected()
	}
	if p.accept("default") {
		return s
	}
	s.Values = append(s.Values, p.setting())
	for p.accept(",") {
		s.Values = append(s.Values, p.setting())
	}
	return s
}

// identity takes SET ROLE and SET SESSION AUTHORIZATION, which can only say that the session's user stays who it is.
func (p *parser) identity(s *Session) bool {
	start := p.peek()
	switch {
	case p.accept("session", "authorization"), p.accept("authorization"):
		s.Name = "session_authorization"
		if !p.accept("default") {
			p.unsupported(start.at, "SET SESSION AUTHORIZATION", "There are no roles: connect as the user.")
		}
	case start.is("role") && !p.peekAt(1).is("=") && !p.peekAt(1).is("to") && !p.peekAt(1).is("."):
		p.next++
		s.Name, s.Values = "role", []string{"none"}
		if !p.accept("none") {
			p.unsupported(start.at, "SET ROLE", "There are no roles: connect as the user.")
		}
	default:
		return false
	}
	return true
}

// setTransaction turns SET TRANSACTION, and the same for the whole session, into the setting behind it, so that the session
// knows one kind of SET.
func (p *parser) setTransaction(s *Session, prefix string) Statement {
	start := p.peek().at
	modes := &Session{}
	p.transactionModes(modes)
	switch {
	case p.tokens[p.next-1].is("transaction"):
		p.unexpected()
	case modes.Isolation != "" && modes.ReadOnly:
		p.unsupported(start, "SET TRANSACTION with several modes", "Give the modes to BEGIN.")
	case modes.Isolation != "":
		s.Name, s.Values = prefix+"transaction_isolation", []string{modes.Isolation}
	case modes.ReadOnly:
		s.Name, s.Values = prefix+"transaction_read_only", []string{"on"}
	default:
		s.Name, s.Values = prefix+"transaction_read_only", []string{"off"}
	}
	return s
}

// settingName takes a name that may have a prefix, as in "myapp.user".
func (p *parser) settingName() string {
	name := lower(p.label().Text)
	for p.accept(".") {
		name += "." + lower(p.label().Text)
	}
	return name
}

// setting takes one value: a word, string or number.
func (p *parser) setting() string {
	sign := ""
	if p.accept("-") {
		sign = "-"
	} else {
		p.accept("+")
	}
	t := p.take()
	switch t.kind {
	case integer, decimal:
		return sign + t.value
	case word, quoted, text:
		if sign == "" {
			return t.value
		}
	}
	p.next--
	if t.kind == end {
		p.next++
	}
	p.unexpected()
	return ""
}

func (p *parser) reset() Statement {
	p.expect("reset")
	return p.nameOrAll(&Session{Verb: "reset"})
}

func (p *parser) show() Statement {
	p.expect("show")
	return p.nameOrAll(&Session{Verb: "show"})
}

func (p *parser) nameOrAll(s *Session) Statement {
	switch {
	case p.accept("all"):
	case p.accept("time", "zone"):
		s.Name = "timezone"
	case p.accept("transaction", "isolation", "level"):
		s.Name = "transaction_isolation"
	case p.accept("session", "authorization"):
		s.Name = "session_authorization"
	default:
		s.Name = p.settingName()
	}
	return s
}

func (p *parser) discard() Statement {
	p.expect("discard")
	s := &Session{Verb: "discard", Name: p.acceptAny("all", "plans", "sequences", "temporary", "temp")}
	switch s.Name {
	case "":
		p.unexpected()
	case "temp":
		s.Name = "temporary"
	}
	return s
}

func (p *parser) deallocate() Statement {
	p.expect("deallocate")
	p.accept("prepare")
	s := &Session{Verb: "deallocate"}
	if !p.accept("all") {
		s.Name = p.name().Text
	}
	return s
}

// nothingToEnd takes what clients send to leave a clean session behind, CLOSE ALL and UNLISTEN *: there are no cursors and
// nobody listens.
func (p *parser) nothingToEnd() Statement {
	t := p.take()
	switch {
	case t.is("close") && p.accept("all"):
		return &Session{Verb: "discard", Name: "cursors"}
	case t.is("unlisten") && p.accept("*"):
		return &Session{Verb: "discard", Name: "listeners"}
	}
	p.unsupported(t.at, upper(t.value), supportedStatements)
	return nil
}
