"""Where the reaper's options come from, in which order, and what is said of a fault."""

import configparser
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from reaper.cli import main
from reaper.options import REPEATED, Reloadable, configurable, read_again
from wsgi_chaisession.targets import ConfigurationError


@click.command(cls=Reloadable)
@configurable(*REPEATED)
def shown(**options: Any) -> None:
    click.echo(json.dumps(options, default=str))


def options(*arguments: str) -> dict[str, Any]:
    return shown.make_context("shown", list(arguments)).params


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "reaper.toml"


def test_defaults() -> None:
    assert options("db") == {
        "store": "db",
        "interval": 300.0,
        "batch_rows": 100,
        "max_hold": 0.010,
        "pause": 0.050,
        "time_budget": 60.0,
        "jitter": 0.0,
        "timeout": 30.0,
        "metrics_file": None,
        "as_json": False,
        "dry_run": False,
        "verbose": False,
    }


def test_a_file_may_set_everything(config: Path) -> None:
    config.write_text(
        'store = "/srv/db"\ninterval = "1h"\nbatch-rows = 7\nmax-hold = "2ms"\npause = "0"\n'
        'time-budget = "9s"\njitter = "3s"\ntimeout = "4s"\nmetrics-file = "m.prom"\njson = true\n'
        "dry-run = true\nverbose = true\n"
    )
    assert options("--config", str(config)) == {
        "store": "/srv/db",
        "interval": 3600.0,
        "batch_rows": 7,
        "max_hold": 0.002,
        "pause": 0.0,
        "time_budget": 9.0,
        "jitter": 3.0,
        "timeout": 4.0,
        "metrics_file": Path("m.prom"),
        "as_json": True,
        "dry_run": True,
        "verbose": True,
    }


def test_the_command_line_goes_before_the_environment_before_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('interval = "1m"\npause = "1m"\njitter = "1m"\n')
    monkeypatch.setenv("CHAISESSION_REAPER_CONFIG", str(config))
    monkeypatch.setenv("CHAISESSION_REAPER_PAUSE", "2m")
    monkeypatch.setenv("CHAISESSION_REAPER_JITTER", "2m")
    chosen = options("db", "--jitter", "3m")
    assert (chosen["interval"], chosen["pause"], chosen["jitter"]) == (60.0, 120.0, 180.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('every = "5m"', "unknown key 'every'; known are store, interval, batch-rows"),
        ('batch_rows = "5m"', "unknown key 'batch_rows'"),
        ('config = "x"', "unknown key 'config'"),
        ("interval = 5", 'interval must be text, such as "5m", not 5'),
        ('interval = "soon"', "interval: 'soon' is not a duration"),
        ('max-hold = "0"', "max-hold: '0' must be more than 0"),
        ("batch-rows = 0", "batch-rows: 0 is not in the range"),
        ("batch-rows = true", "batch-rows must be a whole number, not True"),
        ('json = "yes"', "json must be true or false, not 'yes'"),
        ("interval = ", "is not TOML"),
        ("[pace]\nhold = 1", "unknown key 'pace'"),
        ("x" * 70_000, "larger than 65,536 bytes"),
    ],
)
def test_a_fault_in_the_file_names_file_and_key_and_is_78(
    config: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    config.write_text(text)
    assert main(["run", "db", "--config", str(config)]) == 78
    errors = capsys.readouterr().err
    assert message in errors
    assert str(config) in errors
    assert errors.count("\n") == 1


def test_one_file_serves_both_commands(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`once` has no interval; a fault in it is told all the same."""
    config.write_text('interval = "1h"')
    assert main(["once", "/nonexistent", "--config", str(config)]) == 78
    assert "/nonexistent does not exist" in capsys.readouterr().err
    config.write_text('interval = "soon"')
    assert main(["once", "/nonexistent", "--config", str(config)]) == 78
    assert "interval: 'soon' is not a duration" in capsys.readouterr().err
    assert main(["once", "/nonexistent", "--interval", "1h"]) == 64
    assert "No such option" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_file_that_cannot_be_read_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    if kind == "folder":
        config.mkdir()
    if kind == "binary":
        config.write_bytes(b"\xff\xfe\x00")
    assert main(["once", "db", "--config", str(config)]) == 78
    errors = capsys.readouterr().err
    assert errors.startswith(f"chaisession-reaper: {config} ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("path", ["nowhere/m.prom", "."])
def test_a_metrics_file_that_cannot_be_written_is_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    assert main(["run", str(tmp_path), "--metrics-file", str(tmp_path / path)]) == 78
    errors = capsys.readouterr().err
    assert errors.startswith(f"chaisession-reaper: metrics-file: {tmp_path / path} cannot be written: ")
    assert errors.count("\n") == 1


def test_verbose_adds_the_cause(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reaper", "once", str(tmp_path), "--metrics-file", str(tmp_path), "-v"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert done.returncode == 78
    assert "IsADirectoryError" in done.stderr
    assert done.stderr.startswith("chaisession-reaper: metrics-file: ")


def test_options_can_be_read_again(config: Path) -> None:
    config.write_text('interval = "1m"')
    context = shown.make_context("shown", ["db", "--config", str(config), "--pause", "1s"])
    config.write_text('interval = "2m"\npause = "5s"')
    fresh = read_again(context)
    assert (context.params["interval"], fresh["interval"], fresh["pause"]) == (60.0, 120.0, 1.0)
    config.write_text('interval = "later"')
    with pytest.raises(ConfigurationError, match="interval: 'later' is not a duration"):
        read_again(context)


def test_the_documentation_has_every_option_and_variable() -> None:
    documentation = (Path(__file__).resolve().parents[1] / "docs" / "reaper.md").read_text()
    for parameter in shown.params:
        for name in (max(parameter.opts, key=len), parameter.envvar):
            assert f"`{'STORE' if name == 'store' else name}`" in documentation


def test_the_examples_for_supervisors_run_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Up to the server, which is not there."""
    examples = Path(__file__).resolve().parents[1] / "examples" / "deploy"
    supervisord = configparser.ConfigParser(interpolation=None)
    supervisord.read(examples / "supervisord.conf")
    words = supervisord["program:chaisession-reaper"]["command"].split()
    assert words[0].endswith("/bin/chaisession-reaper")
    once = " ".join(words[1:]).replace("run ", "once ").replace(" --interval 5m", "").split()
    assert main([*once, "--timeout", "100ms"]) == 75
    assert "/srv/app/chai_db/.s.PGSQL.5432" in capsys.readouterr().err
    assert '"/opt/reaper/bin/chaisession-reaper", "run"]' in (examples / "Containerfile").read_text()
