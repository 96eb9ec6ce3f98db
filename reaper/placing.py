"""Where `install` puts its files: never over what belongs to another store, or is not its own."""

import re
from collections.abc import Mapping
from pathlib import Path

from reaper.replacing import replace
from wsgi_chaisession.targets import ConfigurationError, is_url

MODE = 0o644
MARK = "# Written by chaisession-reaper install for "


def marked(text: str, store: str) -> str:
    """Put the store at the head of a file, where the next `install` looks for it."""
    return f"{MARK}{store}\n{text}"


def check_places(folder: Path, files: Mapping[str, str], store: str, *, force: bool) -> None:
    """Refuse to replace links, and files that are not this store's unless that is asked for.

    :raises ConfigurationError: one of the files must not be written; none has been.
    """
    for path in map(folder.joinpath, files):
        if path.is_symlink():
            raise ConfigurationError(
                f"{path} is a symbolic link: remove it first, if it is not wanted any more"
            )
        if not force and path.exists():
            _check_owner(path, store)


def _check_owner(path: Path, store: str) -> None:
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    found = re.match(rf"{re.escape(MARK)}(.+)\n", text)
    if found is None or not _same(found[1], store):
        whose = "was not written by this command" if found is None else f"belongs to the store {found[1]}"
        raise ConfigurationError(
            f"{path} {whose}: choose names of their own for the files of {store} with --name, "
            "or replace it with --force"
        )


def _same(one: str, other: str) -> bool:
    if one == other or is_url(one) or is_url(other):
        return one == other
    return Path(one).resolve() == Path(other).resolve()


def write(path: Path, text: str) -> str:
    """Write a file as a whole; return a line about it."""
    try:
        replace(path, text.encode(), mode=MODE)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    return f"wrote {path}"
