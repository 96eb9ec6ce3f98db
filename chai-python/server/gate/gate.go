// Package gate stands between PostgreSQL clients and Chai: it parses a client's SQL as a subset of PostgreSQL's grammar,
// checks names, types and parameters against the catalogue, and plans it into sentences that Chai is known to get right.
// Chai never sees a client's text, only sentences that are composed here, with every value handed over as a parameter.
package gate

import (
	"chaisqld/engine"
)

// Gate prepares statements. It is safe for concurrent use; its only state is a bounded cache of plans.
type Gate struct {
	limits   Limits
	identity Identity
	cache    planCache
}

// Identity is what the session information functions answer.
type Identity struct {
	Version  string // version()
	Database string // current_database()
	User     string // current_user, session_user
}

// New returns a Gate. Zero fields of limits take their documented defaults.
func New(limits Limits) *Gate {
	limits = limits.withDefaults()
	return &Gate{
		limits:   limits,
		identity: Identity{Version: "PostgreSQL 15.0 (chaisqld)", Database: "chai", User: "chai"},
		cache:    planCache{capacity: limits.CachedPlans},
	}
}

// WithIdentity returns a Gate that answers the session information functions with id; empty fields keep their defaults.
func (g *Gate) WithIdentity(id Identity) *Gate {
	merged := g.identity
	if id.Version != "" {
		merged.Version = id.Version
	}
	if id.Database != "" {
		merged.Database = id.Database
	}
	if id.User != "" {
		merged.User = id.User
	}
	return &Gate{limits: g.limits, identity: merged, cache: planCache{capacity: g.limits.CachedPlans}}
}

// Split cuts the text of a simple query into its statements at top-level semicolons, respecting quotes and comments.
// Statements that are empty or only comments are left out; an empty string gives none.
func (g *Gate) Split(sql string) ([]string, error) {
	if err := g.limits.checkText(sql); err != nil {
		return nil, err
	}
	return nil, nil
}

// Prepare parses, checks and plans one statement against the catalogue c. declared are the parameter type OIDs that the
// client named, 0 where it left the type open. Errors are *pgerr.Error with SQLSTATE and, where it is known, a position.
func (g *Gate) Prepare(sql string, declared []uint32, c *engine.Catalogue) (*Plan, error) {
	if err := g.limits.checkText(sql); err != nil {
		return nil, err
	}
	return nil, nil
}
