"""The command ``chaisession-reaper install``: unit files, or a cron line, with the right paths."""

import getpass
import re
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from string import Template

import click
from psycopg.conninfo import conninfo_to_dict

from chaisql.address import fits_socket
from reaper.durations import positive_duration
from reaper.replacing import replace
from reaper.server_units import server_units
from wsgi_chaisession.programs import EXIT_CODES
from wsgi_chaisession.targets import ConfigurationError, is_url, store_argument

SYSTEMD, CRON = "systemd", "cron"
FOLDERS = {SYSTEMD: "/etc/systemd/system", CRON: "/etc/cron.d"}
TEMPLATES = {
    SYSTEMD: (
        "chaisession-reaper.service",
        "chaisession-reaper-once.service",
        "chaisession-reaper-once.timer",
    ),
    CRON: ("chaisession-reaper",),
}
MODE = 0o644
HOUR, DAY = 3600, 86_400  # seconds


@click.command(epilog=EXIT_CODES)
@store_argument
@click.option("--systemd", "kind", flag_value=SYSTEMD, help="Service, and timer with one-shot service.")
@click.option("--cron", "kind", flag_value=CRON, help="A file for /etc/cron.d.")
@click.option("--dry-run", is_flag=True, help="Print the files, write nothing.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIRECTORY",
    help=f"Where to write.  [default: {FOLDERS[SYSTEMD]} or {FOLDERS[CRON]}]",
)
@click.option("--user", metavar="USER", help="Who runs it; the owner of the database.  [default: you]")
@click.option("--interval", metavar="DURATION", default="5m", show_default=True, help="Time between runs.")
def install(
    store: str, *, kind: str | None, dry_run: bool, directory: Path | None, user: str | None, interval: str
) -> None:
    """Write files with which systemd or cron runs the reaper. Nothing is enabled or started.

    Units, for the directory of a database: a service and a socket for its server, chaisqld; a service that
    keeps running; and instead of that one, if you like it better, a timer with a service of one run.
    """
    if kind is None:
        raise click.UsageError("say what to install for: --systemd or --cron")
    files = dict(render(kind, store, user=user or getpass.getuser(), interval=interval))
    for name, text in files.items():
        if dry_run:
            click.echo(f"# {name}\n{text}")
        else:
            click.echo(_write((directory or Path(FOLDERS[kind])) / name, text))


def render(kind: str, store: str, *, user: str, interval: str) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the files."""
    if re.search(r"[\x00-\x1f\x7f]", store + user):
        raise ConfigurationError("control characters in the store or the user have no place in such a file")
    behind_url = is_url(store)
    if behind_url:
        _check_password(store, user)
    place = store if behind_url else str(Path(store).absolute())
    values = _values(kind, place, user, interval, behind_url=behind_url)
    if kind == SYSTEMD:
        values["hardening"] = _template(kind, "hardening.conf").substitute(values).rstrip()
    if kind == SYSTEMD and not behind_url:
        folder = Path(store).resolve()  # as the server names it
        socket = {"socket_folder": str(folder).replace("%", "%%")} if fits_socket(folder) else {}
        yield from server_units({**values, **socket})
    for name in TEMPLATES[kind]:
        yield name, re.sub(r"\n{3,}", "\n\n", _template(kind, name).substitute(values))


def _check_password(store: str, user: str) -> None:
    if conninfo_to_dict(store).get("password"):
        raise ConfigurationError(
            "the URL holds a password, which everybody here could read in the files and in the list of "
            f"processes: put it into the password file of {user}, .pgpass"
        )


def _values(kind: str, store: str, user: str, interval: str, *, behind_url: bool) -> dict[str, str]:
    seconds = _interval(interval)
    quote = _for_systemd if kind == SYSTEMD else _for_cron
    return {
        "store": "a database" if behind_url else _path_for_systemd(store),
        "store_argument": quote(store),
        "reaper": " ".join(map(quote, (sys.executable, "-m", "reaper"))),
        "chaisql": " ".join(map(quote, (sys.executable, "-m", "chaisql"))),
        "user": user,
        "interval": interval,
        "interval_seconds": f"{seconds:.0f}s",
        "schedule": _schedule(seconds) if kind == CRON else "",
        "after": "Wants=network-online.target\nAfter=network-online.target"
        if behind_url
        else "Wants=chaisqld.service\nAfter=chaisqld.service",
        "families": "AF_UNIX AF_INET AF_INET6" if behind_url else "AF_UNIX",
        "writable": "" if behind_url else _writable(Path(store)),
    }


def _writable(store: Path) -> str:
    """Let a service write to the database; of one that is missing the program tells better than systemd."""
    path = _path_for_systemd(f"-{store}")
    if fits_socket(store.resolve()):
        return f"ReadWritePaths={path}"
    why = "# The server's socket is below /tmp, because the path is too long for one."
    return f"{why}\nReadWritePaths={path} /tmp"


def _interval(text: str) -> float:
    seconds = positive_duration(text)
    if seconds < 1:
        raise click.BadParameter(f"{text!r} is shorter than a second", param_hint="'--interval'")
    return seconds


def _schedule(seconds: float) -> str:
    """Say every so many minutes, or hours, as cron does: what divides the hour or the day."""
    for unit, whole, pattern in ((60, HOUR, "*/{} * * * *"), (HOUR, DAY, "0 */{} * * *")):
        if seconds % unit == 0 and whole % seconds == 0 and seconds < whole:
            return pattern.format(int(seconds // unit))
    raise click.BadParameter(
        "cron cannot do that: choose minutes that divide an hour, such as 5m, or hours that divide a day",
        param_hint="'--interval'",
    )


def _for_systemd(word: str) -> str:
    """Quote a word of ExecStart=, where % and $ mean something even between quotes."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if re.fullmatch(r"[\w@%+=:,./$-]+", escaped, re.ASCII) else f'"{escaped}"'


def _path_for_systemd(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if " " in escaped else escaped


def _for_cron(word: str) -> str:
    """Quote a word for the shell, and % for cron, which makes a newline of it."""
    quoted = (
        word if re.fullmatch(r"[\w@+=:,./-]+", word, re.ASCII) else "'" + word.replace("'", "'\\''") + "'"
    )
    return quoted.replace("%", "'\\%'") if quoted.startswith("'") else quoted


def _template(kind: str, name: str) -> Template:
    return Template(resources.files("reaper").joinpath(kind, name).read_text())


def _write(path: Path, text: str) -> str:
    if path.is_symlink():
        raise ConfigurationError(f"{path} is a symbolic link: remove it first, if it is not wanted any more")
    try:
        replace(path, text.encode(), mode=MODE)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    return f"wrote {path}"
