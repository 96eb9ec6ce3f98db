package engine

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// selfTest refuses to run Chai without the shims. It runs at every Open, for a
// new version of Chai or Pebble may have moved what they hold on to.
func selfTest() error {
	if err := testComparer(chaiComparer); err != nil {
		return fmt.Errorf("this build must not open a database: %w", err)
	}
	if err := testFatalFS(vfs.Default); err != nil {
		return fmt.Errorf("this build must not open a database: %w", err)
	}
	return nil
}
