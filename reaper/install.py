"""The command ``chaisession-reaper install``: unit files, or a cron line, with the right paths."""

import re
import shlex
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from string import Template

import click
from psycopg.conninfo import conninfo_to_dict

from chaisql.address import fits_socket
from reaper.durations import positive_duration
from reaper.placing import check_places, marked, write
from reaper.run_as import default_user, named_user
from reaper.server_units import server_units
from reaper.unit_names import checked_name, file_name, named
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
HOUR, DAY = 3600, 86_400  # seconds


@click.command(epilog=EXIT_CODES)
@store_argument
@click.option("--systemd", is_flag=True, help="Service, and timer with one-shot service.")
@click.option("--cron", is_flag=True, help="A file for /etc/cron.d.")
@click.option("--dry-run", is_flag=True, help="Print the files, write nothing.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIRECTORY",
    help=f"Where to write.  [default: {FOLDERS[SYSTEMD]} or {FOLDERS[CRON]}]",
)
@click.option(
    "--user",
    metavar="USER",
    help="Who runs it: the owner of the database.  [default: you; if you are root, the directory's owner]",
)
@click.option("--interval", metavar="DURATION", default="5m", show_default=True, help="Time between runs.")
@click.option(
    "--name",
    metavar="NAME",
    callback=checked_name,
    help="Part of the files' names, where another store has them.",
)
@click.option("--force", is_flag=True, help="Replace files that are another store's, or not of this command.")
def install(
    store: str,
    *,
    systemd: bool,
    cron: bool,
    dry_run: bool,
    directory: Path | None,
    user: str | None,
    interval: str,
    name: str | None,
    force: bool,
) -> None:
    """Write files with which systemd or cron runs the reaper. Nothing is enabled or started.

    Units, for the directory of a database: a service and a socket for its server, chaisqld; a service that
    keeps running; and instead of that one, if you like it better, a timer with a service of one run.
    """
    if systemd == cron:
        raise click.UsageError("say what to install for: --systemd or --cron, one of them")
    kind = SYSTEMD if systemd else CRON
    place = _place(store, user)
    user = _user(place, user)
    files = dict(render(kind, place, user=user, interval=interval, name=name))
    folder = directory or Path(FOLDERS[kind])
    if not dry_run:
        check_places(folder, files, place, force=force)
    for file, text in files.items():
        click.echo(f"# {file}\n{text}" if dry_run else write(folder / file, text))


def _place(store: str, user: str | None) -> str:
    """Return the store as the files name it; refuse what has no place in them."""
    if re.search(r"[\x00-\x1f\x7f]", store + (user or "")):
        raise ConfigurationError("control characters in the store or the user have no place in such a file")
    if is_url(store):
        _check_password(store, user)
        return store
    if Path(store).exists() and not Path(store).is_dir():
        raise ConfigurationError(f"{store} is not a directory")
    return str(Path(store).absolute())


def _user(place: str, name: str | None) -> str:
    """Return the user, and tell of one that was not named, and of a database that is missing."""
    directory = None if is_url(place) else Path(place)
    if name is None:
        user, why = default_user(directory)
        click.echo(f"user: {user} ({why}; --user names another)", err=True)
    else:
        user = named_user(name)
    if directory is not None and not directory.exists():
        make = f"chaisession create-schema {place}"
        click.echo(f"{place} does not exist yet: run {make} before anything is started", err=True)
    return user


def render(
    kind: str, place: str, *, user: str, interval: str, name: str | None = None
) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the files.

    :param place: an absolute path, or a URL.
    """
    for file, text in _files(kind, place, user, interval=interval, name=name):
        yield file_name(file, name), marked(text, place)


def _files(kind: str, store: str, user: str, *, interval: str, name: str | None) -> Iterator[tuple[str, str]]:
    """Yield the files' names as they are without `name`, and their texts."""
    behind_url = is_url(store)
    values = _values(kind, store, user, interval, behind_url=behind_url)
    values["after"] = named(values["after"], name)
    if kind == SYSTEMD:
        values["hardening"] = Template(_text(kind, "hardening.conf")).substitute(values).rstrip()
    if kind == SYSTEMD and not behind_url:
        folder = Path(store).resolve()  # as the server names it
        socket = {"socket_folder": str(folder).replace("%", "%%")} if fits_socket(folder) else {}
        yield from server_units({**values, **socket}, name)
    for file in TEMPLATES[kind]:
        text = Template(named(_text(kind, file), name)).substitute(values)
        yield file, re.sub(r"\n{3,}", "\n\n", text)


def _check_password(store: str, user: str | None) -> None:
    if conninfo_to_dict(store).get("password"):
        raise ConfigurationError(
            "the URL holds a password, which everybody here could read in the files and in the list of "
            f"processes: put it into the password file of {user or 'the user'}, .pgpass"
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
        "users_setting": _path_for_systemd(f"CHAISQLD_AUTH_FILE={store}.users"),
        "users": shlex.quote(f"{store}.users"),
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


def _text(kind: str, name: str) -> str:
    return resources.files("reaper").joinpath(kind, name).read_text()
