// Package chaistore builds, for tests, the Go program that keeps sessions in
// Chai and knows nothing of chaisqld.
package chaistore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

var builtIn string

// Program builds it once in a test binary and gives its path. Remove takes it
// away when all tests are done.
var Program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chaistore")
	if err != nil {
		return "", err
	}
	builtIn = dir
	program := filepath.Join(dir, "chaistore")
	out, err := exec.Command("go", "build", "-o", program, "chaisqld/engine/testdata/chaistore").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

// Remove is for TestMain.
func Remove() {
	if builtIn != "" {
		_ = os.RemoveAll(builtIn)
	}
}
