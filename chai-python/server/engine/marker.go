package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/chaisql/chai"
)

// The second half of the marker: the id in the database itself, so that a
// pebble/ that is not the one the marker file was written for is noticed.
const (
	markerTable  = "__chaisqld"
	markerCreate = "CREATE TABLE IF NOT EXISTS __chaisqld (id TEXT PRIMARY KEY)"
	markerInsert = "INSERT INTO __chaisqld (id) VALUES ($1) ON CONFLICT DO NOTHING"
	markerSelect = "SELECT id FROM __chaisqld"
)

// openMarked opens the database in a directory that is ours, or makes it so.
func (e *Engine) openMarked(ctx context.Context, path string) (driver.Connector, error) {
	if d := e.directory; d != nil && d.state == stateNew {
		e.o.step("locked")
		if err := d.startCreating(); err != nil {
			return nil, err
		}
		e.o.step("creating")
	}
	if d := e.directory; d != nil {
		if err := dropFileList(d.path); err != nil {
			return nil, err
		}
	}
	connector, err := openChai(ctx, path, e.o.LockWait)
	if err != nil || e.directory == nil {
		return connector, err
	}
	if err := e.mark(connector); err != nil {
		return nil, errors.Join(err, closeChai(connector, e.o.CloseWait))
	}
	return connector, nil
}

// mark checks the marker row, or writes it into a database that is being made.
func (e *Engine) mark(connector driver.Connector) (err error) {
	c, err := connect(connector)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if e.directory.state == stateOurs {
		return checkMarker(c, e.directory)
	}
	e.o.step("opened")
	if err := insertMarker(c, e.directory); err != nil {
		return err
	}
	e.o.step("inserted")
	if err := e.directory.becomeOurs(creatingName); err != nil {
		return err
	}
	e.o.step("created")
	return nil
}

// insertMarker expects nothing in the database but, perhaps, its own row.
func insertMarker(c *conn, d *directory) error {
	var definitions []definition
	err := c.reading(func() (err error) {
		definitions, err = readDefinitions(c)
		return err
	})
	if err != nil {
		return err
	}
	if len(definitions) > 0 {
		return fmt.Errorf("%w: %s was about to be made a database but holds the %s %s already; nothing was changed; move %s away",
			ErrNotADatabase, d.path, definitions[0].kind, definitions[0].name, creatingName)
	}
	return c.writing(func() error {
		if err := c.exec(markerCreate, nil); err != nil {
			return err
		}
		return c.exec(markerInsert, []any{d.id})
	})
}

func checkMarker(c *conn, d *directory) error {
	found := ""
	err := c.reading(func() error {
		return c.query(markerSelect, nil, func(v []any) error {
			found = text(v[0])
			return nil
		})
	})
	if err != nil && !chai.IsNotFoundError(err) {
		return err
	}
	if found != d.id {
		return fmt.Errorf("%w: the data in %s/%s does not belong to the marker %s; restore the whole directory from one backup",
			ErrNotADatabase, d.path, pebbleName, markerName)
	}
	return nil
}

// reading and writing run fn in a transaction before the engine has started.
func (c *conn) reading(fn func() error) error {
	if err := c.begin(true); err != nil {
		return err
	}
	err := fn()
	if endErr := c.rollback(); err == nil {
		err = endErr // not joined: Chai's own tests on errors do not see through that
	}
	return err
}

func (c *conn) writing(fn func() error) error {
	if err := c.begin(false); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return errors.Join(err, c.rollback())
	}
	return c.commit()
}
