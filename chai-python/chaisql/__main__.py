"""`python -m chaisql` is the command line."""

from chaisql.cli import main

raise SystemExit(main())
