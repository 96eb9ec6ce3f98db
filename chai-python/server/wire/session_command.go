package wire

import (
	"strings"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// forSession reports whether the session answers the statement itself.
func forSession(v gate.Verb) bool {
	switch v {
	case gate.Begin, gate.Commit, gate.Rollback, gate.Set, gate.Reset, gate.Show, gate.Discard, gate.Deallocate, gate.Maintain:
		return true
	}
	return false
}

func endsTransaction(v gate.Verb) bool { return v == gate.Commit || v == gate.Rollback }

// sessionCommand runs a statement that needs no database.
func (c *conn) sessionCommand(p *portal) error {
	if c.tx.failed && !endsTransaction(p.plan.Verb) {
		return engine.ErrFailedTransaction
	}
	result := &gate.Result{Tag: p.plan.Tag}
	var err error
	switch o := p.plan.Session.(type) {
	case gate.BeginOptions:
		err = c.begin(o)
	case gate.EndOptions:
		end := c.commitCommand
		if p.plan.Verb == gate.Rollback {
			end = c.rollbackCommand
		}
		result.Tag, err = end(o)
	case gate.SetOption:
		err = c.setCommand(o)
	case gate.ResetOption:
		c.keepSettings()
		if o.Name == "" {
			clear(c.tx.local)
		}
		delete(c.tx.local, strings.ToLower(o.Name))
		err = c.settings.reset(o.Name)
	case gate.ShowOption:
		result.Rows, err = c.showCommand(o.Name)
	case gate.DiscardOption:
		err = c.discardCommand(o.What)
	case gate.DeallocateOption:
		err = c.deallocateCommand(o.Name)
	case gate.MaintenanceOption:
		if p.result != nil { // its client fetches rows bit by bit
			return nil
		}
		result.Rows, err = c.maintain(o, p.args)
	}
	p.started, p.result = true, result
	return err
}

// setCommand answers SET, whose effect ends with the transaction when that is
// rolled back, or in any case after SET LOCAL.
func (c *conn) setCommand(o gate.SetOption) error {
	name := strings.ToLower(o.Name)
	if name == "transaction_isolation" || name == "transaction_read_only" {
		return c.setTransaction(o)
	}
	if o.Local && !c.tx.explicit {
		c.notify("WARNING", pgerr.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks")
		return nil
	}
	c.keepSettings()
	if o.Local {
		c.tx.hideLocally(name, c.settings.get(name))
	} else {
		delete(c.tx.local, name)
	}
	if o.Default {
		return c.settings.reset(name)
	}
	return c.settings.set(name, o.Values)
}

// showCommand answers SHOW. What the transaction is, it says itself.
func (c *conn) showCommand(name string) ([][]any, error) {
	switch strings.ToLower(name) {
	case "transaction_isolation":
		if c.tx.explicit {
			return [][]any{{c.tx.isolation}}, nil
		}
		name = "default_transaction_isolation"
	case "transaction_read_only":
		if c.tx.explicit {
			return [][]any{{onOff(c.tx.readOnly)}}, nil
		}
		name = "default_transaction_read_only"
	}
	return c.settings.show(name)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// discardCommand answers DISCARD. Of what it can drop, there are only prepared
// statements, portals and settings here.
func (c *conn) discardCommand(what string) error {
	if what != "all" {
		return nil
	}
	if c.tx.explicit {
		return pgerr.New(pgerr.ActiveSQLTransaction, "DISCARD ALL cannot run inside a transaction block")
	}
	clear(c.portals)
	c.forgetStatements()
	return c.settings.reset("")
}

// deallocateCommand answers DEALLOCATE, which no rollback undoes.
func (c *conn) deallocateCommand(name string) error {
	if name == "" {
		c.forgetStatements()
		return nil
	}
	if c.statements[name] == nil {
		return noSuchStatement(name)
	}
	c.putStatement(name, nil)
	return nil
}
