"""Whom `install` lets the server and the reaper run as: the owner of the database, who is seldom root."""

import os
import pwd
from pathlib import Path

import click

from wsgi_chaisession.targets import REMEDY, ConfigurationError


def named_user(name: str) -> str:
    """Return the name, of a user whom this machine knows.

    :raises click.BadParameter: it knows none of that name.
    """
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        raise click.BadParameter(
            f"there is no user {name!r} on this machine", param_hint="'--user'"
        ) from None


def default_user(directory: Path | None) -> tuple[str, str]:
    """Return who it is where nobody was named, and why: root takes the owner of the database's directory.

    :param directory: None: the store is behind a URL, and has no owner here.
    :raises ConfigurationError: there is no such directory yet, or its owner has no name here.
    """
    if directory is None or os.geteuid() != 0:
        return _name(os.geteuid(), "you are"), "you"
    try:
        owner = directory.stat().st_uid
    except FileNotFoundError:
        raise ConfigurationError(
            f"{directory} does not exist, so it has no owner who could run the server and the reaper: "
            f"{REMEDY} {directory}, or name the user with --user"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{directory} cannot be used: {error.strerror}") from error
    return _name(owner, f"{directory} belongs to"), f"the owner of {directory}"


def _name(uid: int, whose: str) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ConfigurationError(
            f"{whose} user {uid}, who has no name on this machine: name a user with --user"
        ) from None
