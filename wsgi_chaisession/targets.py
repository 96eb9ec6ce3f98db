"""Which stores a program may be told to look after: checked before anything is started for them."""

from pathlib import Path

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict

import chaisql

from .chai import ChaiStore

CHAI_DATA = "pebble"  # the folder in which Chai keeps its files
REMEDY = "start the application, or run chaisession create-schema"


class ConfigurationError(Exception):
    """What was asked for cannot work until somebody changes something; the message says what."""


store_argument = click.argument("store", envvar="CHAISESSION_STORE")


def existing_store(target: str, *, timeout: float) -> ChaiStore:
    """Return the store of a database that must be there already: who looks after one never creates it.

    :param timeout: seconds that one call to the store may take.
    """
    check_target(target)
    return ChaiStore(target, timeout=timeout)


def check_target(target: str) -> None:
    """Refuse a store that cannot be one, before anything is started for it."""
    if is_url(target):
        return
    try:
        _check_directory(target)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be used: {error.strerror}") from error


def _check_directory(target: str) -> None:
    directory = Path(target)
    if not directory.exists():
        raise ConfigurationError(f"{target} does not exist: {REMEDY} {target}")
    if not directory.is_dir():
        raise ConfigurationError(f"{target} is not a directory")
    if not (directory / CHAI_DATA).is_dir():
        raise ConfigurationError(f"{target} holds no Chai database: {REMEDY} {target}")


def is_url(target: str) -> bool:
    """Tell a store behind a URL from one in a directory; refuse what is neither."""
    try:
        kind = chaisql.target_kind(target)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if kind is chaisql.TargetKind.MEMORY:
        raise ConfigurationError(f"{target} is no store that anybody else could use: give a directory")
    if kind is chaisql.TargetKind.URL:
        _check_url(target)
    return kind is chaisql.TargetKind.URL


def _check_url(url: str) -> None:
    """Refuse a URL that libpq does not understand, without repeating any of it."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        reason = str(error).partition('"')[0].rstrip(" :")  # what libpq quotes may be the password
        raise ConfigurationError(f"the postgresql:// URL cannot be understood: {reason}") from None
