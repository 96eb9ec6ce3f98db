package differential

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestDifferencesAreDocumented looks each of them up in the table for users.
func TestDifferencesAreDocumented(t *testing.T) {
	const page = "../../../docs/sql.md"
	text, err := os.ReadFile(page)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not part of this tree", page)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences {
		if !strings.Contains(string(text), "\n| "+d.name+" | ") {
			t.Errorf("%s says nothing of %q", page, d.name)
		}
	}
}
