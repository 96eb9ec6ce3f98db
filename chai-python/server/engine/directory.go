package engine

// What may be opened, what may be created, and what must not be touched.
//
// Pebble makes an empty database of an empty directory without a word, so a
// lost disk or an emptied pebble/ would look like a fresh start. A directory
// is therefore ours only with a marker file, and the marker's random id must
// stand in a table of the database as well. Creating both takes several steps;
// a state file, written first, tells a creation that was cut short (go on with
// it) from a directory that somebody else filled (leave it alone).

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	markerName   = "chaisqld.id"       // "chaisqld 1 ID": the directory is ours
	creatingName = "chaisqld.creating" // the same text while the directory is being made
	pebbleName   = "pebble"
	markerFormat = "chaisqld 1 "
	lockRetry    = 20 * time.Millisecond
)

type directoryState int

const (
	stateNew      directoryState = iota // nothing is there but files of our own
	stateCreating                       // a creation was cut short
	stateOurs                           // marked
)

// directory is a locked database directory.
type directory struct {
	path  string
	lock  *os.File
	state directoryState
	id    string // "" in stateNew
}

// openDirectory makes the directory when it may, locks it, and looks at what it is.
func openDirectory(ctx context.Context, o *Options) (*directory, error) {
	path, err := absolute(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := makeDirectory(path, o.MustExist); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(ctx, path, o.LockWait)
	if err != nil {
		return nil, err
	}
	d := &directory{path: path, lock: lock}
	err = d.inspect(o.MustExist)
	if err == nil && o.mustCreate && d.state == stateOurs {
		err = fmt.Errorf("%w: %s holds a database already; nothing was changed", ErrExists, path)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// absolute keeps Chai from trimming the path into another one, or from taking
// a directory called ":memory:" for a database in memory.
func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%w %q: %w", ErrCannotOpen, path, err)
	}
	if strings.TrimSpace(abs) != abs {
		return "", fmt.Errorf("%w %q: its name ends in white space, which Chai would cut off; rename it", ErrCannotOpen, abs)
	}
	return abs, nil
}

func makeDirectory(path string, mustExist bool) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%w %s: it is not a directory; name another path", ErrCannotOpen, path)
	case err == nil:
		return nil
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %w; check the permissions of the directories above it", ErrCannotOpen, err)
	case mustExist:
		return fmt.Errorf("%w: %s does not exist, and creating it was not allowed", ErrNotADatabase, path)
	}
	err = os.Mkdir(path, 0o700)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: %w; its parent directory must exist and be writable", ErrCannotOpen, err)
	}
	return syncDirectory(filepath.Dir(path))
}

// lockDirectory takes a lock on the directory itself, which leaves no file in
// a directory that may turn out to be somebody else's. It is held for life, so
// two servers cannot both decide to create.
func lockDirectory(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; check its owner and permissions", ErrCannotOpen, err)
	}
	if err := flock(ctx, f, wait); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// flock locks an open directory.
func flock(ctx context.Context, f *os.File, wait time.Duration) error {
	err := retryLocked(ctx, wait, func() error {
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EAGAIN):
		return lockedError(f.Name(), wait)
	}
	return fmt.Errorf("%w %s: lock: %w", ErrCannotOpen, f.Name(), err)
}

func lockedError(path string, wait time.Duration) error {
	return fmt.Errorf("%w %s (waited %s): connect to that one, or stop it first", ErrLocked, path, wait)
}

// retryLocked calls try until it says something else than EAGAIN or wait is
// over: a process that was just killed holds its locks for some more moments.
func retryLocked(ctx context.Context, wait time.Duration, try func() error) error {
	deadline := time.Now().Add(wait)
	for {
		err := try()
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockRetry):
		}
	}
}

// inspect decides what the directory is, by reading alone.
func (d *directory) inspect(mustExist bool) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	switch {
	case names[markerName]:
		return d.inspectOurs()
	case names[creatingName]:
		return d.inspectCreating(mustExist)
	case names[adoptingName]:
		return fmt.Errorf("%w: the adoption of %s was cut short; run chaisqld adopt again", ErrNotADatabase, d.path)
	}
	return d.inspectNew(entries, mustExist)
}

func (d *directory) inspectOurs() (err error) {
	d.state = stateOurs
	if d.id, err = readMarker(filepath.Join(d.path, markerName)); err != nil {
		return err
	}
	return d.inspectManifest()
}

// inspectManifest looks for Pebble's manifests, and for the empty file whose
// name says which of them is the newest. Without it Pebble would begin a new
// database here, out of what the logs still hold, and delete all tables.
func (d *directory) inspectManifest() error {
	manifests, named, err := d.manifests()
	if err != nil {
		return err
	}
	if len(manifests) == 0 {
		return fmt.Errorf("%w: %s has the marker %s but its data in %s/ is gone; restore a backup, or remove the marker to start empty",
			ErrNotADatabase, d.path, markerName, pebbleName)
	}
	for manifest := range named {
		if manifests[manifest] {
			return nil
		}
	}
	return fmt.Errorf("%w: %w: %s/%s has no file marker.manifest.* that names a manifest which is there; restore a backup into a new directory",
		ErrCannotOpen, ErrDamaged, d.path, pebbleName)
}

// manifests lists Pebble's manifests, and those that a marker names.
func (d *directory) manifests() (there, named map[string]bool, err error) {
	files, err := os.ReadDir(filepath.Join(d.path, pebbleName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	there, named = make(map[string]bool), make(map[string]bool)
	for _, file := range files {
		if strings.HasPrefix(file.Name(), "MANIFEST-") {
			there[file.Name()] = true
		} else if marker, ok := strings.CutPrefix(file.Name(), "marker.manifest."); ok {
			_, manifest, _ := strings.Cut(marker, ".")
			named[manifest] = true
		}
	}
	return there, named, nil
}

// inspectCreating: nothing was ever acknowledged from this directory, since
// Open returns only after the state file has become the marker.
func (d *directory) inspectCreating(mustExist bool) (err error) {
	d.state = stateCreating
	if d.id, err = readMarker(filepath.Join(d.path, creatingName)); err != nil {
		// The write of the state file itself was cut short, so nothing came after it.
		d.state, err = stateNew, nil
		if _, statErr := os.Stat(filepath.Join(d.path, pebbleName)); statErr == nil {
			return d.foreign(pebbleName, mustExist)
		}
	}
	return d.mayCreate(mustExist)
}

func (d *directory) inspectNew(entries []os.DirEntry, mustExist bool) error {
	d.state = stateNew
	for _, e := range entries {
		if name := e.Name(); !mayStand(name) {
			return d.foreign(name, mustExist)
		}
	}
	return d.mayCreate(mustExist)
}

// mayStand tells whether a file may be in a directory in which a database is
// to be made: those of the programs that start a server, and its socket.
func mayStand(name string) bool {
	return name == "start.lock" || strings.HasPrefix(name, "chaisqld.") || strings.HasPrefix(name, ".s.PGSQL.")
}

func (d *directory) foreign(name string, mustExist bool) error {
	if name == pebbleName {
		return fmt.Errorf("%w: %s holds a Pebble database without the marker %s, so chaisqld did not make it; nothing was changed; use another directory, or run chaisqld adopt if Chai made it",
			ErrNotADatabase, d.path, markerName)
	}
	remedy := "use a new or empty directory"
	if mustExist {
		remedy = "name the directory of a database"
	}
	return fmt.Errorf("%w: %s is not empty (it holds %q, for one) and has no marker %s; nothing was changed; %s",
		ErrNotADatabase, d.path, name, markerName, remedy)
}

func (d *directory) mayCreate(mustExist bool) error {
	if mustExist {
		return fmt.Errorf("%w: %s holds no database, and creating one was not allowed", ErrNotADatabase, d.path)
	}
	return nil
}

func readMarker(path string) (id string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	id, ok := strings.CutPrefix(string(text), markerFormat)
	id, whole := strings.CutSuffix(id, "\n")
	if !ok || !whole || len(id) != len(rand.Text()) {
		return "", fmt.Errorf("%w: the marker %s is damaged or of another version; restore it from a backup", ErrNotADatabase, path)
	}
	return id, nil
}

// startCreating makes the promise that whatever comes into the directory now is ours.
func (d *directory) startCreating() error {
	d.id, d.state = rand.Text(), stateCreating
	return d.writeMarker(creatingName)
}

// writeMarker writes the marker's text under a name.
func (d *directory) writeMarker(name string) error {
	if err := writeSynced(filepath.Join(d.path, name), markerFormat+d.id+"\n"); err != nil {
		return fmt.Errorf("%w: %w; check its permissions and free space", ErrCannotOpen, err)
	}
	return syncDirectory(d.path)
}

// becomeOurs makes a state file the marker, once the same id stands in the marker table.
func (d *directory) becomeOurs(stateFile string) error {
	if err := os.Rename(filepath.Join(d.path, stateFile), filepath.Join(d.path, markerName)); err != nil {
		return fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	d.state = stateOurs
	return syncDirectory(d.path)
}

// gone tells why the path does not lead to the directory any more that was
// locked. What cannot be looked at is not taken for gone.
func (d *directory) gone() string {
	locked, err := d.lock.Stat()
	if err != nil {
		return ""
	}
	found, err := os.Stat(d.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf("the database directory %s is gone; put it back, or restore a backup, and start the server again", d.path)
	case err == nil && !os.SameFile(locked, found):
		return fmt.Sprintf("another directory is in the place of %s, which was opened", d.path)
	}
	_, err = os.Stat(filepath.Join(d.path, markerName))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Sprintf("the database directory %s was emptied; put its files back, or restore a backup, and start the server again", d.path)
	}
	return ""
}

func (d *directory) close() error { return d.lock.Close() }

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%w: sync: %w", ErrCannotOpen, err)
	}
	return nil
}
