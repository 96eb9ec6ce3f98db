"""The options that the measurements have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.servers import POSTGRES_FOLDER

Command = Callable[..., Any]

_COMMON = (
    click.option(
        "--chaisqld",
        "binary",
        type=click.Path(path_type=Path, exists=True, resolve_path=True),
        help="The server; by default the installed one.",
    ),
    click.option(
        "--postgres",
        "binaries",
        type=click.Path(path_type=Path),
        default=POSTGRES_FOLDER,
        show_default=True,
        help="The folder of PostgreSQL's programs.",
    ),
    click.option(
        "--folder",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        default="/var/tmp",  # noqa: S108 - what is made there has a name of its own
        show_default=True,
        help="A folder on the disk to measure.",
    ),
    click.option(
        "--rows", type=click.IntRange(1), default=10_000, show_default=True, help="Sessions in the table."
    ),
    click.option(
        "--json",
        "report",
        type=click.Path(path_type=Path),
        help="Write everything that was measured to this file.",
    ),
    click.option("--quick", is_flag=True, help="One short round, to see that everything works."),
)


def common(command: Command) -> Command:
    for option in reversed(_COMMON):
        command = option(command)
    return command
