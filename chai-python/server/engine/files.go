package engine

// Copies of databases: what is in one, how it is copied, and how a directory
// appears under its name in one step, whole or not at all.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// listName is the file that tells what a backup holds. A copy that lost the
// end of its log would open without an error, as an older database.
const listName = "chaisqld.backup"

const copyChunk = 4 << 20

// fileList is the content of listName.
type fileList struct {
	Format int          `json:"format"`
	ID     string       `json:"id"` // of the database
	Files  []listedFile `json:"files"`
}

// listedFile has no sum where Pebble's own block checksums guard the content.
type listedFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  string `json:"sha256,omitempty"`
}

func (l *fileList) bytes() (total int64) {
	for _, f := range l.Files {
		total += f.Size
	}
	return total
}

// immutable files are written once and never again, so that a hard link is a copy.
func immutable(name string) bool { return strings.HasSuffix(name, ".sst") }

// listFiles looks at the data of a database: all files in pebble/ but the lock.
func listFiles(dir string) (*fileList, error) {
	entries, err := os.ReadDir(filepath.Join(dir, pebbleName))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	l := &fileList{Format: 1}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || e.Name() == "LOCK" {
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("%w: %w", ErrCannotOpen, err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s is not a file of Pebble's", ErrNotADatabase, filepath.Join(dir, pebbleName, e.Name()))
		}
		l.Files = append(l.Files, listedFile{Name: filepath.Join(pebbleName, e.Name()), Size: info.Size()})
	}
	return l, nil
}

// copier copies the data of one database into another directory.
type copier struct {
	ctx         context.Context
	step        string
	done, total int64
	progress    Progress
	link        bool // hard links for what never changes
}

// copyAll copies the files of l and fills in their sums.
func (c *copier) copyAll(l *fileList, from, to string) error {
	if err := os.Mkdir(filepath.Join(to, pebbleName), 0o700); err != nil {
		return err
	}
	c.total = l.bytes()
	for i := range l.Files {
		f := &l.Files[i]
		source, target := filepath.Join(from, f.Name), filepath.Join(to, f.Name)
		if c.link && immutable(f.Name) && os.Link(source, target) == nil {
			c.advance(f.Size)
			continue
		}
		sum, err := c.copyFile(source, target, f.Size)
		if err != nil {
			return err
		}
		if !immutable(f.Name) {
			f.Sum = sum
		}
	}
	return syncDirectory(filepath.Join(to, pebbleName))
}

func (c *copier) advance(n int64) {
	c.done += n
	c.progress.report(c.step, c.done, c.total)
}

// copyFile copies exactly size bytes and syncs them.
func (c *copier) copyFile(from, to string, size int64) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	sum, err = c.sum(io.TeeReader(in, out), from, size)
	return sum, errors.Join(err, out.Sync(), out.Close())
}

// sum reads exactly size bytes to the end.
func (c *copier) sum(r io.Reader, name string, size int64) (string, error) {
	h := sha256.New()
	for left := size; ; {
		if c.ctx.Err() != nil {
			return "", canceled(c.ctx)
		}
		n, err := io.CopyN(h, r, copyChunk)
		c.advance(n)
		left -= n
		if err == io.EOF && left == 0 {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil && err != io.EOF {
			return "", err
		}
		if err == io.EOF || left < 0 {
			return "", fmt.Errorf("%w: %s has %d bytes, not %d", ErrDamaged, name, size-left, size)
		}
	}
}

// writeFileList makes a copy a backup.
func writeFileList(dir string, l *fileList) error {
	text, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, listName), string(text)+"\n")
}

// readFileList gives nil where there is none.
func readFileList(dir string) (*fileList, error) {
	text, err := os.ReadFile(filepath.Join(dir, listName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	l := &fileList{}
	if err == nil {
		err = json.Unmarshal(text, l)
	}
	if err == nil && l.Format != 1 {
		err = fmt.Errorf("it is of format %d", l.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s of %s: %w", ErrDamaged, listName, dir, err)
	}
	return l, nil
}

// verifyFileList compares a backup with its list; a database that is none has nothing to compare.
func verifyFileList(ctx context.Context, dir string, progress Progress) error {
	l, err := readFileList(dir)
	if err != nil || l == nil {
		return err
	}
	found, err := listFiles(dir)
	if err != nil {
		return err
	}
	if err := sameFiles(dir, l, found); err != nil {
		return err
	}
	c := &copier{ctx: ctx, step: "verify", progress: progress, total: l.bytes()}
	for _, f := range l.Files {
		if f.Sum == "" {
			c.advance(f.Size)
			continue
		}
		if err := c.verify(dir, f); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) verify(dir string, f listedFile) error {
	in, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	defer in.Close()
	sum, err := c.sum(in, in.Name(), f.Size)
	if err == nil && sum != f.Sum {
		err = fmt.Errorf("%w: %s is not as it was when the backup was made; use another backup", ErrDamaged, in.Name())
	}
	return err
}

// sameFiles compares names and sizes.
func sameFiles(dir string, want, found *fileList) error {
	for _, f := range want.Files {
		i := slices.IndexFunc(found.Files, func(g listedFile) bool { return g.Name == f.Name })
		if i < 0 {
			return fmt.Errorf("%w: the backup %s has lost its file %s; use another backup", ErrDamaged, dir, f.Name)
		}
		if size := found.Files[i].Size; size != f.Size {
			return fmt.Errorf("%w: %s of the backup %s has %d bytes, it had %d; use another backup", ErrDamaged, f.Name, dir, size, f.Size)
		}
	}
	if len(found.Files) > len(want.Files) {
		return fmt.Errorf("%w: the backup %s holds %d files that it was not made with; use another backup", ErrDamaged, dir, len(found.Files)-len(want.Files))
	}
	return nil
}

// staging is a directory in the making, beside the place where it is to appear.
type staging struct {
	path, final string
	lock        *os.File
}

// beginStaging makes the directory that will become final, which must not exist
// or be empty. What an attempt that was killed left behind is cleared away.
func beginStaging(ctx context.Context, final string) (*staging, error) {
	entries, err := os.ReadDir(final)
	switch {
	case err == nil && len(entries) > 0:
		return nil, fmt.Errorf("%w: %s is not empty (it holds %q, for one); name a new directory", ErrExists, final, entries[0].Name())
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w: %w; name a new directory", ErrCannotOpen, err)
	}
	s := &staging{path: filepath.Join(filepath.Dir(final), "."+filepath.Base(final)+".chaisqld-partial"), final: final}
	if err := os.Mkdir(s.path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w: %w; its parent directory must exist and be writable", ErrCannotOpen, err)
	}
	if s.lock, err = openOwn(s.path); err != nil {
		return nil, err
	}
	if err := errors.Join(flock(ctx, s.lock, 0), s.clear()); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// openOwn opens a directory that nobody else can have put there: its name can
// be guessed, and all that it holds is going to be removed.
func openOwn(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return nil, fmt.Errorf("%w: %s is in the way, which is no directory; nothing was changed; remove it", ErrExists, path)
	case err != nil:
		return nil, fmt.Errorf("%w: %w; remove it", ErrCannotOpen, err)
	}
	info, err := f.Stat()
	if err == nil && (info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) || info.Mode().Perm()&0o077 != 0) {
		err = fmt.Errorf("%w: %s is in the way, which is not a directory of mode 0700 that belongs to user id %d; nothing was changed; remove it",
			ErrExists, path, os.Geteuid())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *staging) clear() error {
	entries, err := os.ReadDir(s.path)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.path, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotOpen, err)
	}
	return nil
}

// publish gives the directory its name. os.Rename would refuse an empty
// directory in that place.
func (s *staging) publish() error {
	if err := syncDirectory(s.path); err != nil {
		return err
	}
	if err := syscall.Rename(s.path, s.final); err != nil {
		return fmt.Errorf("%w: rename to %s: %w", ErrCannotOpen, s.final, err)
	}
	return errors.Join(s.lock.Close(), syncDirectory(filepath.Dir(s.final)))
}

// discard removes what is not going to be published.
func (s *staging) discard() error {
	return errors.Join(os.RemoveAll(s.path), s.lock.Close())
}
