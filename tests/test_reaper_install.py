"""The files that `install` writes: checked by systemd itself where it is, and obeyed by a shell."""

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reaper.cli import main
from reaper.install import render

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
UNITS = {
    "chaisqld.service",
    "chaisqld.socket",
    "chaisession-reaper.service",
    "chaisession-reaper-once.service",
    "chaisession-reaper-once.timer",
}


DB = ("/srv/app/chai_db", "--user", "daemon")


def files(kind: str, store: str, interval: str = "5m") -> dict[str, str]:
    return dict(render(kind, store, user="nobody", interval=interval))


@needs_systemd
@pytest.mark.parametrize(
    ("store", "missing"),
    [
        ("/srv/app/chai_db", set()),
        ("/srv/my %app/$x/chai db", set()),
        ("/srv/" + "x" * 100, {"chaisqld.socket"}),
        ("postgresql:///sessions", {"chaisqld.service", "chaisqld.socket"}),
    ],
)
def test_systemd_accepts_the_units(tmp_path: Path, store: str, missing: set[str]) -> None:
    arguments = ["install", store, "--systemd", "--directory", str(tmp_path), "--user", "daemon"]
    assert main(arguments) == 0
    assert {path.name for path in tmp_path.iterdir()} == UNITS - missing
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o644}
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    complaints = [line for line in done.stderr.splitlines() if "chai" in line]
    assert (done.returncode, complaints) == (0, [])


@needs_systemd
def test_systemd_finds_the_services_well_confined(tmp_path: Path) -> None:
    """The exposure is information; what is asserted is that it is far below that of a bare unit (9.6)."""
    for name, text in files("systemd", "/srv/app/chai_db").items():
        (tmp_path / name).write_text(text)
        if not name.endswith(".service"):
            continue
        command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        found = re.search(r"exposure level for \S+: (\d+\.\d+)", done.stdout)
        if found is None:
            pytest.skip(f"this systemd-analyze cannot judge files: {done.stderr.strip()}")
        assert float(found[1]) < 4.0


def test_the_servers_units_are_those_that_are_shipped_for_this_directory() -> None:
    units = files("systemd", "/srv/my %app/db")
    service, socket = units["chaisqld.service"], units["chaisqld.socket"]
    assert "Type=notify\n" in service
    assert re.search(r"^WatchdogSec=\d+s$", service, re.MULTILINE)
    assert f'ExecStart={sys.executable} -m chaisql serve "/srv/my %%app/db"\n' in service
    assert 'ReadWritePaths="-/srv/my %%app/db"\n' in service
    assert "PrivateTmp=yes\n" in service
    assert "ListenStream=/srv/my %%app/db/.s.PGSQL.5432\n" in socket
    for text in (service, socket):
        assert re.findall(r"^(?:Socket)?User=(\w+)$", text, re.MULTILINE) == ["nobody"]
        assert "/var/lib" not in text, "comments name the directory as well"
    assert '#   Environment="CHAISQLD_AUTH_FILE=/srv/my %%app/db.users"\n' in service
    assert "sudo -u nobody chaisqld passwd --auth-file '/srv/my %app/db.users' NAME" in service
    assert "AssertPathIsDirectory=/srv/my %%app/db\n" in socket, "a condition would skip it without a word"


def test_a_path_too_long_for_a_socket_gets_no_socket_unit() -> None:
    units = files("systemd", "/srv/" + "x" * 100)
    assert "chaisqld.socket" not in units
    assert "Requires=" not in units["chaisqld.service"]
    assert "PrivateTmp" not in units["chaisqld.service"], "its socket is below /tmp"
    for name in ("chaisqld.service", "chaisession-reaper.service", "chaisession-reaper-once.service"):
        assert re.search(r"^ReadWritePaths=-/srv/x+ /tmp$", units[name], re.MULTILINE)


def test_a_path_in_a_unit_is_quoted_for_systemd() -> None:
    service = files("systemd", '/srv/a "b" %c$d')["chaisession-reaper.service"]
    assert 'run --interval 5m "/srv/a \\"b\\" %%c$$d"\n' in service
    assert f"ExecStart={sys.executable} -m reaper run" in service
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in service


@pytest.mark.parametrize("store", ["/srv/app/chai_db", "/srv/it's 100%/db"])
def test_the_cron_line_reaches_the_program_with_the_right_words(store: str) -> None:
    text = files("cron", store)["chaisession-reaper"]
    line = text.splitlines()[-1]
    assert line.startswith("*/5 * * * * nobody ")
    assert not re.search(r"(?<!\\)%", line), "cron makes newlines of these"
    words = shlex.split(line.removeprefix("*/5 * * * * nobody ").partition(" 2>&1")[0])
    assert words == [sys.executable, "-m", "reaper", "once", store]


@pytest.mark.parametrize(
    ("interval", "schedule"),
    [("1m", "*/1 * * * *"), ("15m", "*/15 * * * *"), ("1h", "0 */1 * * *"), ("6h", "0 */6 * * *")],
)
def test_intervals_that_cron_can_do(interval: str, schedule: str) -> None:
    assert files("cron", "/db", interval)["chaisession-reaper"].splitlines()[-1].startswith(schedule)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 64, "--systemd or --cron"),
        (["--systemd", "--cron"], 64, "--systemd or --cron, one of them"),
        (["--cron", "--user", "nosuchuser"], 64, "there is no user 'nosuchuser' on this machine"),
        (["--cron", "--user", ""], 64, "there is no user '' on this machine"),
        (["--cron", "--name", "a/b"], 64, "'a/b' is not made of"),
        (["--cron", "--name", ""], 64, "'' is not made of"),
        (["--cron", "--interval", "7m"], 64, "cron cannot do that"),
        (["--cron", "--interval", "30s"], 64, "cron cannot do that"),
        (["--systemd", "--interval", "10ms"], 64, "shorter than a second"),
        (["--systemd", "--interval", "soon"], 64, "'soon' is not a duration"),
        (["--systemd", "--user", "a\nb"], 78, "control characters"),
        (["--systemd", "--directory", "/nonexistent"], 64, "/nonexistent"),
    ],
)
def test_what_cannot_be_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    if "--user" not in arguments:
        arguments = [*arguments, "--user", "daemon"]
    assert main(["install", "/", *arguments, "--dry-run"]) == code
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_a_dry_run_prints_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", *DB, "--cron", "--dry-run", "--directory", str(tmp_path)]) == 0
    assert "chaisession-reaper" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    install = ["install", "--cron", "--directory", str(tmp_path), "--interval"]
    assert main([*install, "5m", *DB]) == 0
    with (tmp_path / "chaisession-reaper").open() as old:
        assert main([*install, "15m", *DB]) == 0
        assert "*/5 * * * *" in old.read()
    (new,) = tmp_path.iterdir()
    assert "*/15 * * * *" in new.read_text()


def test_a_link_is_refused_and_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is root who installs, and a link may lead anywhere."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / "chaisession-reaper"
    link.symlink_to(precious)
    assert main(["install", *DB, "--cron", "--directory", str(tmp_path)]) == 78
    assert f"{link} is a symbolic link" in capsys.readouterr().err
    assert link.is_symlink()
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("url", ["postgresql://u:secret@host/db", "postgresql://host/db?password=secret"])
@pytest.mark.parametrize("kind", ["--systemd", "--cron"])
def test_a_password_is_not_written_where_everybody_may_read_it(
    capsys: pytest.CaptureFixture[str], kind: str, url: str
) -> None:
    assert main(["install", url, kind, "--user", "app", "--dry-run"]) == 78
    told = capsys.readouterr()
    assert "put it into the password file of app" in told.err
    assert "secret" not in told.out + told.err


def kept(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["--systemd", "--cron"])
def test_another_stores_files_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    def install(store: str, *options: str) -> int:
        return main(["install", store, kind, "--user", "daemon", "--directory", str(tmp_path), *options])

    assert install("/srv/one/db") == 0
    assert install("/srv/one/../one/db/", "--interval", "15m") == 0, "it is the same"
    before = kept(tmp_path)
    capsys.readouterr()
    for other in ("/srv/two/db", "postgresql:///two"):
        assert install(other) == 78
        told = capsys.readouterr()
        assert told.out == "", "none is written before all have been looked at"
        assert re.search(r"belongs to the store /srv/one/(\.\./one/)?db: .* --name, .* --force", told.err)
    assert kept(tmp_path) == before
    assert install("/srv/two/db", "--name", "two") == 0
    assert len(kept(tmp_path)) == 2 * len(before)
    assert kept(tmp_path).items() >= before.items()
    assert install("/srv/two/db", "--force") == 0
    assert "/srv/one" not in "".join(kept(tmp_path).values())


def test_files_that_somebody_wrote_by_hand_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped unit, for one, is for copying."""
    unit = tmp_path / "chaisqld.service"
    unit.write_text("[Service]\n")
    assert main(["install", *DB, "--systemd", "--directory", str(tmp_path)]) == 78
    assert f"{unit} was not written by this command" in capsys.readouterr().err
    assert kept(tmp_path) == {"chaisqld.service": "[Service]\n"}


@needs_systemd
def test_units_of_two_stores_know_only_their_own(tmp_path: Path) -> None:
    for store, name in (("/srv/chaisqld.service/db", ["--name", "a_1"]), ("/srv/app/db", [])):
        arguments = ["install", store, "--systemd", "--user", "daemon", "--directory", str(tmp_path)]
        assert main([*arguments, *name]) == 0
    assert len(kept(tmp_path)) == 10
    for file, text in kept(tmp_path).items():
        units = re.findall(r"[\w-]+\.(?:service|socket|timer)\b(?!/)", text)
        assert {unit.partition(".")[0].endswith("-a_1") for unit in units} <= {"-a_1." in file}, file
        assert ("/srv/chaisqld.service/db" in text) == ("-a_1." in file)
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "chai" in line]) == (0, [])


def test_root_installs_for_the_owner_of_the_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if os.getuid() == 0:
        owner = "daemon"
        os.chown(tmp_path, pwd.getpwuid(1).pw_uid, -1)
    assert main(["install", str(tmp_path), "--systemd", "--dry-run"]) == 0
    told = capsys.readouterr()
    assert told.err == f"user: {owner} (the owner of {tmp_path}; --user names another)\n"
    assert set(re.findall(r"^(?:Socket)?User=(.+)$", told.out, re.MULTILINE)) == {owner}
    missing = tmp_path / "missing"
    assert main(["install", str(missing), "--systemd", "--dry-run"]) == 78
    assert f"{missing} does not exist, so it has no owner" in capsys.readouterr().err
    assert main(["install", "postgresql:///sessions", "--cron", "--dry-run"]) == 0
    assert " root " in capsys.readouterr().out


def test_an_owner_without_a_name_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert main(["install", str(tmp_path), "--cron", "--dry-run"]) == 78
    assert re.search(r"user \d+, who has no name .* --user", capsys.readouterr().err)


def test_a_database_that_is_missing_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Until it is there the socket's unit fails, and so does the reaper."""
    missing = tmp_path / "missing"
    assert main(["install", str(missing), "--cron", "--user", "daemon", "--dry-run"]) == 0
    assert f"chaisession create-schema {missing}" in capsys.readouterr().err
    missing.touch()
    assert main(["install", str(missing), "--cron", "--user", "daemon", "--dry-run"]) == 78
    assert "is not a directory" in capsys.readouterr().err


@pytest.mark.parametrize("variables", [{}, {"CHAISESSION_STORE": ""}])
def test_an_empty_store_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = [] if variables else [""]
    assert main(["install", *store, "--cron", "--user", "daemon", "--dry-run"]) == (64 if variables else 78)
    told = capsys.readouterr()
    assert told.out == ""
    assert ("STORE" if variables else "the target must not be empty") in told.err
