"""The executable is found where an installer put it, and nowhere else."""

import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

import chaisql
from chaisql import locate


class Installed:
    """What `importlib.metadata` tells about a distribution with these files."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.files = [metadata.PackagePath(name) for name in names]
        for file in self.files:
            file.dist = metadata.PathDistribution(folder / "chai_python.dist-info")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test puts there exists."""
    monkeypatch.delenv("CHAISQL_SERVER", raising=False)
    monkeypatch.setattr(locate, "__file__", str(tmp_path / "site" / "chaisql" / "locate.py"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "scripts"))


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o700)
    return path


def record(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(folder, *names))


def test_the_installers_record_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = executable(tmp_path / "bin" / "chaisqld")
    executable(tmp_path / "scripts" / "chaisqld")
    record(monkeypatch, tmp_path / "lib" / "site", "chaisql/__init__.py", "../../bin/chaisqld")
    assert chaisql.find_server() == str(recorded)


def test_a_wrong_record_of_pip_target_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = executable(tmp_path / "site" / "bin" / "chaisqld")
    record(monkeypatch, tmp_path / "site", "../../bin/chaisqld")
    assert chaisql.find_server() == str(target)


def test_the_scripts_folder_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = executable(tmp_path / "scripts" / "chaisqld")
    record(monkeypatch, tmp_path / "site")
    assert chaisql.find_server() == str(script)


def test_all_places_are_named_when_it_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "path" / "chaisqld")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    record(monkeypatch, tmp_path / "lib" / "site", "../../bin/chaisqld")
    with pytest.raises(chaisql.ServerError) as caught:
        chaisql.find_server()
    for place in ("bin", "site/bin", "scripts"):
        assert str(tmp_path / place / "chaisqld") in str(caught.value)


def test_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = executable(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAISQL_SERVER", "mine")
    assert chaisql.find_server() == str(named)


@pytest.mark.parametrize("kind", ["missing", "folder", "plain"])
def test_the_environment_must_name_an_executable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").touch(mode=0o600)
    monkeypatch.setenv("CHAISQL_SERVER", str(tmp_path / kind))
    with pytest.raises(chaisql.ServerError, match="not an executable file"):
        chaisql.find_server()
