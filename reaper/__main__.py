"""``python -m reaper`` is the program ``chaisession-reaper``."""

import sys

from reaper.cli import main

sys.exit(main())
