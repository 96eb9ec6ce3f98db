"""Install what was built where nothing of this checkout can help, and use it."""

import os
import venv
from pathlib import Path

from release.building import Release, run, unpacked
from release.checking import FlawError

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


def check_wheels(release: Release) -> None:
    """pip picks the wheel for this platform out of *out*, and a session works; there is no Go on PATH."""
    out, place = release.out, release.folder / "installed"
    python, around = environment(place / "venv"), bare(release, place)
    pinned = [f"{name}=={version_of(out, name)}" for name in ("chai_python", "wsgi_chaisession")]
    from_here = ["--no-index", "--no-deps", "--only-binary=:all:", "--find-links", str(out)]
    run([*pip(python), *from_here, *pinned], cwd=place, env=around)
    run([*pip(python), *pinned], cwd=place, env=around)  # the dependencies of what is there now
    check_version(release, python, place)
    said = run([python, "-c", HELLO], cwd=place, env=around).split()
    run([python, "-m", "chaisql", "stop", "db"], cwd=place, env=around)
    if said != ["1", "2"]:
        raise FlawError(f"two requests of one session said {said}")


def check_sdist(release: Release) -> None:
    """The unpacked sdist compiles and installs with neither git nor a repository around."""
    place = release.folder / "from source"
    python = environment(place / "venv")
    project = unpacked(release.out, "chai_python", place)
    if (project / ".git").exists():
        raise FlawError("the sdist holds a repository")
    compiler = {"CHAISQL_GO": release.go, **caches(release.go, place)}
    run([*pip(python), str(project)], cwd=place, env={**bare(release, place), **compiler})
    check_version(release, python, place)


def check_version(release: Release, python: str, place: Path) -> None:
    version = version_of(release.out, "chai_python")
    said = run([python, "-m", "chaisql", "version"], cwd=place, env=bare(release, place))
    if said.count(f" {version}") != 2:
        raise FlawError(f"the versions of package and server should be {version}: {said}")


def version_of(out: Path, distribution: str) -> str:
    (sdist,) = out.glob(f"{distribution}-*.tar.gz")
    return sdist.name.removeprefix(f"{distribution}-").removesuffix(".tar.gz")


def environment(folder: Path) -> str:
    folder.parent.mkdir()
    (folder.parent / "nothing").mkdir()
    venv.create(folder, with_pip=True)
    return str(folder / "bin" / "python")


def bare(release: Release, place: Path) -> dict[str, str]:
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
        "SOURCE_DATE_EPOCH": release.epoch,
    }


def caches(go: str, place: Path) -> dict[str, str]:
    """Go's own caches: what is compiled here was compiled before."""
    names = ["GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"]
    return dict(zip(names, run([go, "env", *names], cwd=place).splitlines(), strict=True))


def pip(python: str) -> list[str]:
    return [python, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
