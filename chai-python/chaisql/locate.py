"""Where the server's executable is: it was installed together with this package."""

import os
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from chaisql.errors import ServerError

DISTRIBUTION = "chai-python"
EXECUTABLE = "chaisqld" + (sysconfig.get_config_var("EXE") or "")


def find_server() -> str:
    """The path of `chaisqld`; `CHAISQL_SERVER` in the environment names another one.

    PATH is not searched: a server of another version is worse than an error.
    """
    if named := os.environ.get("CHAISQL_SERVER"):
        return _named(named)
    tried = list(dict.fromkeys(_places()))
    for place in tried:
        if os.access(place, os.X_OK):
            return str(place)
    raise ServerError(
        f"{DISTRIBUTION} has no executable {EXECUTABLE}; looked for " + ", ".join(map(str, tried)) + ". "
        f"Install {DISTRIBUTION} again or name the server in CHAISQL_SERVER",
        path=str(tried[0]),
        permanent=True,
    )


def _named(path: str) -> str:
    path = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow a link that was named on purpose
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise ServerError(
            f"CHAISQL_SERVER names {path}, which is not an executable file", path=path, permanent=True
        )
    return path


def _places() -> Iterator[Path]:
    yield from _recorded()
    # pip install --target writes down a folder that it does not use
    yield Path(__file__).resolve().parent.parent / "bin" / EXECUTABLE
    yield Path(sysconfig.get_path("scripts")) / EXECUTABLE


def _recorded() -> Iterator[Path]:
    """What the installer wrote down: right for virtual environments, --user, --prefix, editable."""
    try:
        files = metadata.distribution(DISTRIBUTION).files or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name == EXECUTABLE:
            yield Path(str(file.locate())).resolve()
