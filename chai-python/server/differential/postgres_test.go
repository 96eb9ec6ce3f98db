package differential

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgresDirectory is where Debian keeps the programs of the one version that is compared with.
const postgresDirectory = "/usr/lib/postgresql/15/bin"

// startPostgres runs a throwaway PostgreSQL on a Unix socket, with the settings that this server cannot change: UTF-8, C
// collation, UTC. The test is skipped where there is none.
func startPostgres(t *testing.T) (dsn string) {
	t.Helper()
	bin := os.Getenv("CHAISQLD_POSTGRES")
	if bin == "" {
		bin = postgresDirectory
	}
	version, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil || !strings.Contains(string(version), ") 15.") {
		t.Skipf("there is no PostgreSQL 15 in %s (%s%v): install postgresql-15, or name its directory in CHAISQLD_POSTGRES", bin, version, err)
	}
	owner, err := unprivileged()
	if err != nil {
		t.Skip(err)
	}
	dir := ownedDirectory(t, owner)
	data := filepath.Join(dir, "data")
	run(t, owner, filepath.Join(bin, "initdb"), "--pgdata="+data, "--no-sync", "--auth=trust", "--username=tester", "--locale=C", "--encoding=UTF8")
	server := command(owner, filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "autovacuum=off", "-c", "shared_buffers=16MB", "-c", "timezone=UTC", "-c", "log_min_messages=panic")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	return "host=" + dir + " port=5432 user=tester dbname=postgres sslmode=disable"
}

// unprivileged is the user that PostgreSQL runs as: root it refuses. nil: the one who runs the tests.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres")
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// ownedDirectory is not t.TempDir, whose path other users cannot walk and may be too long for a socket.
func ownedDirectory(t *testing.T, owner *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func command(owner *syscall.Credential, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env = "/", []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	return c
}

func run(t *testing.T, owner *syscall.Credential, name string, args ...string) {
	t.Helper()
	var output bytes.Buffer
	c := command(owner, name, args...)
	c.Stdout, c.Stderr = &output, &output
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, &output)
	}
}

// stop asks for a fast shutdown and waits for it.
func stop(t *testing.T, server *exec.Cmd) {
	timer := time.AfterFunc(patience, func() { server.Process.Kill() })
	defer timer.Stop()
	if err := server.Process.Signal(syscall.SIGINT); err != nil {
		t.Errorf("stop PostgreSQL: %v", err)
	}
	server.Wait()
}
