package hazards

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const document = "../../../docs/chai.md"

// The document's programs are these tests, without the line that judges them.
func TestDocumentShowsTheseTests(t *testing.T) {
	text, err := os.ReadFile(document)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", document)
	}
	if err != nil {
		t.Fatal(err)
	}
	tests := sources(t)
	blocks := strings.Split(string(text), "```go\n")[1:]
	if len(blocks) < 20 {
		t.Fatalf("%d programs in %s", len(blocks), document)
	}
	for _, block := range blocks {
		program, _, _ := strings.Cut(block, "```")
		if !strings.Contains(tests, plain(program)) {
			t.Errorf("%s shows a program that is not in a test:\n%s", document, program)
		}
	}
	for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1) {
		if !strings.Contains(tests, "func "+name+"(") {
			t.Errorf("%s names %s, which is not here", document, name)
		}
	}
}

func sources(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(plain(string(text)))
	}
	return all.String()
}

// plain leaves out indentation, empty lines, and what judges a test.
func plain(text string) string {
	var kept []string
	judging := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		judging = judging || strings.HasPrefix(line, "fault(") || strings.HasPrefix(line, "slow(")
		if line != "" && !judging {
			kept = append(kept, line)
		}
		judging = judging && !strings.HasSuffix(line, ")")
	}
	return strings.Join(kept, "\n") + "\n"
}
