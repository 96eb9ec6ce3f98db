package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// openChai opens the database in path, made absolute by openDirectory, or Memory.
func openChai(ctx context.Context, path string, wait time.Duration) (driver.Connector, error) {
	chaiDriver, err := registeredDriver()
	if err != nil {
		return nil, err
	}
	var connector driver.Connector
	err = retryLocked(ctx, wait, func() (err error) {
		defer recoverTo(&err)
		connector, err = chaiDriver.OpenConnector(path)
		return err
	})
	return connector, openError(path, wait, err)
}

// registeredDriver finds Chai's driver. database/sql hands one out only with a
// database, and the one in memory is the one without side effects.
func registeredDriver() (driver.DriverContext, error) {
	db, err := sql.Open("chai", Memory)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	defer db.Close()
	return db.Driver().(driver.DriverContext), nil
}

func openError(path string, wait time.Duration, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, syscall.EAGAIN):
		return lockedError(path, wait)
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w; check permissions and free space", ErrCannotOpen, err)
	}
	return damagedError(path, err)
}

func damagedError(path string, err error) error {
	return fmt.Errorf("%w: %w: %s: %s; restore a backup into a new directory", ErrCannotOpen, ErrDamaged, path, firstLine(err))
}

// closeChai closes the database, which waits for ever for a connection that
// was never closed; so it is given up after wait.
func closeChai(connector driver.Connector, wait time.Duration) error {
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		defer recoverTo(&err)
		err = connector.(io.Closer).Close()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(wait):
		return fmt.Errorf("the database did not close within %s", wait)
	}
}

// pebbleOf reaches Pebble through what Chai exports at run time: driver
// connection, DB(), field Engine, DB().
func pebbleOf(c *conn) (db *pebble.DB, err error) {
	defer recoverTo(&err)
	database := reflect.ValueOf(c.chai).MethodByName("DB").Call(nil)[0]
	engine := database.Elem().FieldByName("Engine").Elem()
	return engine.MethodByName("DB").Call(nil)[0].Interface().(*pebble.DB), nil
}

// Chai sorts what does not fit into memory in key namespaces at the top of the
// number range, never deletes them, and fails later sorts that meet the
// leavings of an earlier process. Its own clean-up at start deletes the empty
// range [0, 0).
const (
	lastTransient  = 1<<63 - 1
	firstTransient = lastTransient - 1<<24
)

func cleanTransient(c *conn) error {
	db, err := pebbleOf(c)
	if err != nil {
		return fmt.Errorf("clean up after sorts: %w", err)
	}
	return db.DeleteRange(intKey(firstTransient), intKey(lastTransient), pebble.Sync)
}
