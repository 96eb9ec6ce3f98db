"""Install what was built where nothing of this checkout can help, and use it."""

import os
import venv
from pathlib import Path

from release.building import CommandError, run, unpacked

HELLO = """
from wsgiref.util import setup_testing_defaults
from wsgi_chaisession import ChaiStore, SessionMiddleware

def app(environ, start_response):
    session = environ["chaisession.session"]
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [])
    return [str(session["visits"]).encode()]

def visit(cookie):
    environ, sent = {"HTTP_COOKIE": cookie}, {}
    setup_testing_defaults(environ)
    body = b"".join(wrapped(environ, lambda status, headers, exc_info=None: sent.update(headers)))
    return body, sent.get("Set-Cookie", "").partition(";")[0]

wrapped = SessionMiddleware(app, ChaiStore("db"))
first, cookie = visit("")
second, _ = visit(cookie)
print(first.decode(), second.decode())
"""


def check_wheels(out: Path, folder: Path) -> None:
    """pip picks the wheel for this platform out of *out*, and a session works; there is no Go on PATH."""
    place = folder / "installed"
    python = environment(place / "venv")
    pinned = [f"{name}=={version_of(out, name)}" for name in ("chai_python", "wsgi_chaisession")]
    from_here = ["--no-index", "--no-deps", "--only-binary=:all:", "--find-links", str(out)]
    run([*pip(python), *from_here, *pinned], cwd=place, env=bare(place))
    run([*pip(python), *pinned], cwd=place, env=bare(place))  # the dependencies of what is there now
    check_version(python, place, version_of(out, "chai_python"))
    said = run([python, "-c", HELLO], cwd=place, env=bare(place)).split()
    run([python, "-m", "chaisql", "stop", "db"], cwd=place, env=bare(place))
    if said != ["1", "2"]:
        raise CommandError(f"two requests of one session said {said}")


def check_sdist(out: Path, folder: Path, go: str) -> None:
    """The unpacked sdist compiles and installs with neither git nor a repository around."""
    place = folder / "from source"
    python = environment(place / "venv")
    project = unpacked(out, "chai_python", place)
    if (project / ".git").exists():
        raise CommandError("the sdist holds a repository")
    run([*pip(python), str(project)], cwd=place, env={**bare(place), "CHAISQL_GO": go, **caches(go, place)})
    check_version(python, place, version_of(out, "chai_python"))


def check_version(python: str, place: Path, version: str) -> None:
    said = run([python, "-m", "chaisql", "version"], cwd=place, env=bare(place))
    if said.count(f" {version}") != 2:
        raise CommandError(f"the versions of package and server should be {version}: {said}")


def version_of(out: Path, distribution: str) -> str:
    (sdist,) = out.glob(f"{distribution}-*.tar.gz")
    return sdist.name.removeprefix(f"{distribution}-").removesuffix(".tar.gz")


def environment(folder: Path) -> str:
    folder.parent.mkdir()
    (folder.parent / "nothing").mkdir()
    venv.create(folder, with_pip=True)
    return str(folder / "bin" / "python")


def bare(place: Path) -> dict[str, str]:
    """An environment with an empty PATH and home; where packages come from stays as it is."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or "PROXY" in name.upper()
    }
    home = str(place / "nothing")
    return {
        **kept,
        "PATH": home,
        "HOME": home,
        "LANG": "C.UTF-8",
        "SOURCE_DATE_EPOCH": os.environ["SOURCE_DATE_EPOCH"],
    }


def caches(go: str, place: Path) -> dict[str, str]:
    """Go's own caches: what is compiled here was compiled before."""
    names = ["GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"]
    return dict(zip(names, run([go, "env", *names], cwd=place).splitlines(), strict=True))


def pip(python: str) -> list[str]:
    return [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
