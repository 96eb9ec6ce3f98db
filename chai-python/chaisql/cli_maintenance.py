"""The commands that look after a database itself: make, adopt, check, copy and bring it back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chaisql import maintenance
from chaisql.directory import resolve
from chaisql.exits import CommandError, Exit
from chaisql.progress import Bar, Listener
from chaisql.report import extent, problems, size, skipped
from chaisql.target import MEMORY, TargetKind, target_kind

Result = dict[str, Any]


class Folder(click.Path):
    """A directory, and not what `chaisql.connect` would take for something else."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            kind = target_kind(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if kind is not TargetKind.DIRECTORY:
            self.fail(
                f"it must be a directory, not {MEMORY if kind is TargetKind.MEMORY else 'a URL'}", param, ctx
            )
        return super().convert(value, param, ctx)


FOLDER = Folder(file_okay=False, path_type=Path)
DIRECTORY = click.argument("directory", type=FOLDER)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")


def existing(directory: Path) -> Path:
    """The one name of a directory that must be there."""
    place = resolve(str(directory))
    if not place.is_dir():
        raise CommandError(f"there is no directory {place}", Exit.NO_DIRECTORY)
    return place


@click.command(short_help="Make a new database.")
@DIRECTORY
@JSON
def init(directory: Path, *, as_json: bool) -> None:
    """Make a new database in DIRECTORY, which is absent or empty.

    `chaisql.connect` does so by itself where nothing was; this makes sure that nothing was.
    """
    maintenance.create(resolve(str(directory)), progress=Bar())
    _tell({"path": str(directory)}, [f"created {directory}"], as_json=as_json)


@click.command(short_help="Take over a database that a Go program made.")
@DIRECTORY
@JSON
@click.option("--no-backup", is_flag=True, help="Do not keep a copy of the data as it was.")
@click.option(
    "--allow-unsupported", is_flag=True, help="Adopt it also with tables that cannot be served; they stay."
)
def adopt(directory: Path, *, as_json: bool, no_backup: bool, allow_unsupported: bool) -> int:
    """Make DIRECTORY, which a Go program filled through Chai, a database that can be served.

    Its indexes are checked and mended. A copy of the data as it was stays beside it, at little cost: tables
    are hard links. The Go program must not run.
    """
    place = existing(directory)
    result = _watched(
        lambda bar: maintenance.adopt(
            place, keep=not no_backup, allow_unsupported=allow_unsupported, progress=bar
        )
    )
    lines = [f"not served: {text}" for text in result.get("unsupported") or []]
    lines += [f"repaired: {line}" for line in problems(result["found"]) if not problems(result["left"])]
    lines.append(
        f"{directory} is a chaisqld database already"
        if result["already"]
        else f"adopted {directory}: {extent(result['left'])}"
    )
    if result.get("backup"):
        lines.append(f"the data as it was: {result['backup']}")
    _tell(result, lines, as_json=as_json)
    return _verdict(directory, result["left"])


@click.command(short_help="Compare every table with its indexes.")
@DIRECTORY
@JSON
@click.option("--repair", is_flag=True, help="Mend the indexes; no server may run.")
def check(directory: Path, *, as_json: bool, repair: bool) -> int:
    """Compare every table of DIRECTORY with its indexes, row by row; exit code 65 when something is wrong.

    A running server does it itself, beside its other work. DIRECTORY may also be a backup.
    """
    place = existing(directory)
    if repair:
        result = _watched(lambda bar: maintenance.repair(place, progress=bar))
        left, lines = result["left"], []
        if not problems(left):
            lines = [f"repaired: {line}" for line in problems(result["found"])]
    else:
        result = left = _watched(lambda bar: maintenance.check(place, progress=bar))
        lines = []
    lines += [f"not looked at: {line}" for line in skipped(left)] + problems(left)
    lines.append(f"checked {directory}: {extent(left)}: {'damaged' if problems(left) else 'ok'}")
    _tell(result, lines, as_json=as_json)
    return _verdict(directory, left)


@click.command(short_help="Copy a database, served or not.")
@DIRECTORY
@click.argument("destination", type=FOLDER)
@JSON
def backup(directory: Path, destination: Path, *, as_json: bool) -> None:
    """Copy the database of DIRECTORY to DESTINATION, which is absent or empty.

    A running server does it itself, beside its other work. DESTINATION appears when the copy is whole; it
    holds every commit that was acknowledged before the backup began.
    """
    place, to = existing(directory), resolve(str(destination))
    if to.is_relative_to(place):
        raise click.BadParameter(f"{to} is inside the database directory", param_hint="DESTINATION")
    result = _watched(lambda bar: maintenance.backup(place, to, progress=bar))
    text = f"backed up {directory} to {result['path']}: {result['files']} files, {size(result['bytes'])}"
    _tell(result, [text], as_json=as_json)


@click.command(short_help="Make a database of a backup.")
@click.argument("source", metavar="BACKUP", type=FOLDER)
@DIRECTORY
@JSON
def restore(source: Path, directory: Path, *, as_json: bool) -> None:
    """Make a database of BACKUP in DIRECTORY, which is absent or empty.

    The backup is verified, and the copy checked and where need be mended, before DIRECTORY appears.
    """
    place = existing(source)
    result = _watched(
        lambda bar: maintenance.restore(place, resolve(str(directory)), progress=bar),
    )
    lines = [f"repaired: {line}" for line in problems(result["found"])]
    _tell(result, [*lines, f"restored {source} to {directory}: {extent(result['left'])}"], as_json=as_json)


COMMANDS = [init, adopt, check, backup, restore]


def _watched(do: Callable[[Listener], Result]) -> Result:
    with Bar() as bar:
        return do(bar)


def _tell(result: Result, lines: list[str], *, as_json: bool) -> None:
    click.echo(json.dumps(result) if as_json else "\n".join(lines))


def _verdict(directory: Path, report: Result) -> int:
    if found := problems(report):
        raise CommandError(
            f"{directory} is damaged, problems: {len(found)}; "
            "`check --repair` mends what is wrong in indexes, a backup the rest",
            Exit.DAMAGED,
        )
    return 0
