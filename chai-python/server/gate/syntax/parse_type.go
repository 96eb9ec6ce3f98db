package syntax

// Names of types, with what may stand behind them.

// typeName takes a type with its modifiers.
func (p *parser) typeName() TypeName {
	t := p.peek()
	n := p.typeLabel()
	switch {
	case n.Text == "double":
		p.expect("precision")
		n.Text = "double precision"
	case (n.Text == "character" || n.Text == "char") && p.accept("varying"):
		n.Text = "character varying"
	case n.Text == "pg_catalog" && p.accept("."):
		n = p.label()
	}
	result := TypeName{Name: n.Text, At: t.at, Modifiers: p.modifiers()}
	switch n.Text {
	case "timestamp", "time":
		result.Name += p.timeZone()
	case "interval":
		p.intervalFields(&result)
	}
	for p.accept("[") {
		if p.peek().kind == integer {
			p.next++
		}
		p.expect("]")
		result.Array = true
	}
	return result
}

func (p *parser) typeLabel() Name {
	if t := p.peek(); t.kind != word && t.kind != quoted || t.kind == word && (reserved[t.value] || notTypes[t.value]) {
		p.unexpected()
	}
	return p.label()
}

// notTypes are words that may name a column, but no type.
var notTypes = WordSet(`between coalesce exists extract greatest grouping inout least none normalize nullif out overlay position
	precision row substring treat trim values`)

func (p *parser) modifiers() []string {
	if !p.accept("(") {
		return nil
	}
	var list []string
	for {
		t := p.take()
		if t.kind != integer {
			p.next--
			p.unexpected()
		}
		list = append(list, t.value)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return list
}

func (p *parser) timeZone() string {
	if p.accept("without", "time", "zone") {
		return ""
	}
	if p.accept("with", "time", "zone") {
		return " with time zone"
	}
	return ""
}

// intervalEnds are the fields that an interval may go on to, by the one that it begins with.
var intervalEnds = map[string][]string{
	"year": {"month"}, "month": nil, "day": {"hour", "minute", "second"}, "hour": {"minute", "second"}, "minute": {"second"}, "second": nil,
}

// intervalFields takes the fields that a type interval is restricted to, and the precision of its seconds.
func (p *parser) intervalFields(n *TypeName) {
	first := p.peek()
	ends, known := intervalEnds[first.value]
	if n.Modifiers != nil || !known || first.kind != word {
		return
	}
	p.next++
	n.Fields = first.value
	last := first.value
	if ends != nil && p.accept("to") {
		if last = p.acceptAny(ends...); last == "" {
			p.unexpected()
		}
		n.Fields += " to " + last
	}
	if last == "second" && p.peek().is("(") {
		n.Modifiers = p.modifiers()
	}
}
