package syntax

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
