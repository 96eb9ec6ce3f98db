"""The options of ``run`` and ``once``: from the command line, the environment, a TOML file, in this order.

The file is click's ``default_map``: what it says is a default that the user wrote down. Values are checked
here first, because a fault in a file is somebody's configuration (78) and not wrong usage (64), and has to be
told by its key.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from reaper.durations import duration, positive_duration
from wsgi_chaisession.targets import ConfigurationError, store_argument

PREFIX = "CHAISESSION_REAPER_"
LARGEST_FILE = 64 * 1024  # bytes
# Where a file makes no sense: it cannot name itself, and it is read before anything is printed.
NOT_IN_THE_FILE = ("config", "help")

Command = Callable[..., Any]


def option(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """Declare an option that the environment can set too, as CHAISESSION_REAPER_<NAME>."""
    long = next(name for name in reversed(names) if name.startswith("--"))
    variable = PREFIX + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, show_default=True, **settings)


def _read_config(context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        context.default_map = checked(path, load(path), in_the_file.params)
    return path


# Of `run` alone.
REPEATED = (
    option(
        "--interval",
        type=duration,
        metavar="DURATION",
        default="5m",
        help="Time from the end of a run to the next; 0 disables the reaper.",
    ),
)
OPTIONS = (
    option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read_config,
        help="TOML file with the options below (and store) as keys, such as batch-rows = 50.",
    ),
    option(
        "--batch-rows", type=click.IntRange(1, 10_000), default=100, help="Most rows that one batch deletes."
    ),
    option(
        "--max-hold",
        type=positive_duration,
        metavar="DURATION",
        default="10ms",
        help="Longest time that a batch may keep the database's writer busy; batches shrink to it.",
    ),
    option("--pause", type=duration, metavar="DURATION", default="50ms", help="Pause between two batches."),
    option(
        "--time-budget",
        type=positive_duration,
        metavar="DURATION",
        default="1m",
        help="Longest time that one run may take; the rest waits for the next.",
    ),
    option(
        "--jitter",
        type=duration,
        metavar="DURATION",
        default="0",
        help="Longest random delay before a run, for reapers on several hosts.",
    ),
    option(
        "--timeout",
        type=positive_duration,
        metavar="DURATION",
        default="30s",
        help="Longest wait for the store, its start on demand included.",
    ),
    option(
        "--metrics-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write Prometheus metrics to FILE after each run, atomically, readable by all (0644).",
    ),
    option("--json", "as_json", is_flag=True, help="Print each run as one JSON object on standard output."),
    option("--dry-run", is_flag=True, help="Delete nothing; say how many sessions have expired."),
    option("-v", "--verbose", is_flag=True, help="Log every batch, and the causes of a failure."),
)


def configurable(*more: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Give a command STORE, the options and some more."""
    config, *others = OPTIONS
    added: list[Callable[[Command], Command]] = [store_argument, config, *more, *others]

    def configured(command: Command) -> Command:
        for add in reversed(added):
            command = add(command)
        return command

    return configured


@click.command()
@configurable(*REPEATED)
def in_the_file(**_options: Any) -> None:
    """One file serves both commands: each passes by what only the other has."""


class Reloadable(click.Command):
    """A command that can read its options again: same arguments, same environment, new file."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        given = list(args)
        context = super().make_context(info_name, args, *more, **extra)
        context.obj = given
        return context


def read_again(context: click.Context) -> dict[str, Any]:
    """Return the parameters that the command would have if it were started now.

    Faults are ConfigurationErrors, whoever made them: this comes from a signal, there is no usage to explain.
    """
    try:
        fresh = context.command.make_context(context.info_name, list(context.obj), parent=context.parent)
    except click.UsageError as error:
        raise ConfigurationError(error.format_message()) from error
    return fresh.params


def load(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ConfigurationError(f"{path} is larger than {LARGEST_FILE:,} bytes: it is no configuration")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise ConfigurationError(f"{path} is not TOML: {error}") from error


def checked(path: Path, content: Mapping[str, Any], parameters: Sequence[click.Parameter]) -> dict[str, Any]:
    """Return the file's values by the names of click's parameters; name the key where one is wrong."""
    known = {_key(one): one for one in parameters if _key(one) not in NOT_IN_THE_FILE}
    values: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            raise ConfigurationError(f"{path}: unknown key {key!r}; known are {', '.join(known)}")
        values[known[key].name or key] = _checked_value(f"{path}: {key}", known[key], value)
    return values


def _key(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len).lstrip("-")


def _checked_value(where: str, parameter: click.Parameter, value: Any) -> Any:
    wanted: type = str
    if isinstance(parameter, click.Option) and parameter.is_flag:
        wanted = bool
    elif isinstance(parameter.type, click.IntRange):
        wanted = int
    if type(value) is not wanted:
        kinds = {str: 'text, such as "5m"', bool: "true or false", int: "a whole number"}
        raise ConfigurationError(f"{where} must be {kinds[wanted]}, not {value!r}")
    try:
        parameter.type(value)
    except click.BadParameter as error:
        raise ConfigurationError(f"{where}: {error.message}") from error
    return value
