"""The names of the units: as shipped, or, where several stores have theirs, with a part for the store."""

import re

import click

_LONGEST = 64
_UNITS = re.compile(
    r"(?<![\w-])(chaisqld|chaisession-reaper|chaisession-reaper-once)(?=\.(?:service|socket|timer)\b)"
    r"|(?<=systemctl reload )(chaisqld)\b"
)


def checked_name(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:  # noqa: ARG001 - click's
    """Refuse names that cron or systemd would pass by or take apart."""
    if name is not None and not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_LONGEST}}}", name):
        raise click.BadParameter(f"{name!r} is not made of 1 to {_LONGEST} letters, digits, _ and -")
    return name


def file_name(file: str, name: str | None) -> str:
    """Return a file's name with *name* in it, before its ending."""
    if name is None:
        return file
    stem, dot, ending = file.partition(".")
    return f"{stem}-{name}{dot}{ending}"


def named(text: str, name: str | None) -> str:
    """Return a template in which every unit has its name with *name* in it."""
    return text if name is None else _UNITS.sub(lambda found: f"{found[0]}-{name}", text)
