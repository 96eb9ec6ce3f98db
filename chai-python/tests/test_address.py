"""Where sockets may lie, and what a state file can and cannot make a client believe."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import chaisql
from chaisql.address import (
    SOCKET,
    SOCKET_PATH_BYTES,
    choose_socket_dir,
    fits_socket,
    private_folder,
    published_address,
)

PidOf = Callable[[psycopg.Connection[object]], int]


@pytest.mark.parametrize("length", [SOCKET_PATH_BYTES - len(SOCKET) - 1, SOCKET_PATH_BYTES - len(SOCKET)])
def test_a_folder_fits_up_to_the_last_byte(length: int) -> None:
    folder = Path("/" + "x" * (length - 1))
    assert fits_socket(folder) == (length + 1 + len(SOCKET) <= SOCKET_PATH_BYTES)


@pytest.mark.parametrize("name", ["a,b", "line\nend", os.fsdecode(b"latin-\xe9")])
def test_names_that_libpq_would_misread_do_not_fit(name: str) -> None:
    assert not fits_socket(Path("/tmp") / name)


@pytest.mark.parametrize("name", ["d" * 150, "a,b", "with space", "größe"])
def test_odd_paths_can_be_served(tmp_path: Path, runtime: Path, name: str, pid_of: PidOf) -> None:
    directory = tmp_path / name
    with chaisql.connect(directory, idle_exit=0.5) as first, chaisql.connect(directory) as second:
        assert pid_of(first) == pid_of(second)


def test_clients_with_another_runtime_folder_find_the_server(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch, pid_of: PidOf
) -> None:
    directory = tmp_path / ("d" * 150)
    with chaisql.connect(directory, idle_exit=0.5) as first:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        with chaisql.connect(directory) as second:
            assert pid_of(first) == pid_of(second)


def test_each_directory_has_its_own_socket_elsewhere(tmp_path: Path, runtime: Path) -> None:
    first, second = (choose_socket_dir(tmp_path / (letter * 150)) for letter in "ab")
    assert first != second
    assert first.parent == second.parent == runtime / "chaisql"
    assert (first.stat().st_mode & 0o777, first.parent.stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_runtime_folder_that_others_can_enter_is_refused(runtime: Path) -> None:
    (runtime / "chaisql").mkdir(mode=0o755)
    with pytest.raises(chaisql.ServerError, match="nobody else can enter"):
        private_folder()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"7", b'{"socket_dir": "relative"}', b"\xff"]
)
def test_a_broken_state_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "chaisqld.json").write_bytes(content)
    assert published_address(tmp_path).socket_dir == tmp_path


def test_a_state_file_names_the_socket(tmp_path: Path) -> None:
    state = {"socket_dir": "/run/elsewhere", "pid": 7, "version": "0.1.0"}
    (tmp_path / "chaisqld.json").write_text(json.dumps(state))
    address = published_address(tmp_path)
    assert (address.socket, address.pid, address.version) == ("/run/elsewhere/.s.PGSQL.5432", 7, "0.1.0")


def test_a_copy_of_a_live_directory_does_not_lead_to_the_original(directory: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    with chaisql.connect(directory):
        (copy / "chaisqld.json").write_bytes((directory / "chaisqld.json").read_bytes())
        assert published_address(directory).socket_dir == directory
        assert published_address(copy).socket_dir == copy
