"""docs/chaisqld.md agrees with chaisqld's help: every limit, its default, its SQLSTATE, and all flags."""

import re
import subprocess
from pathlib import Path

import chaisql

MANUAL = (Path(__file__).parents[1] / "docs" / "chaisqld.md").read_text()
SIZES = {"8388608": "8 MiB", "67108864": "64 MiB", "268435456": "256 MiB", "4194304": "4 MiB"}


def told_by(command: str) -> str:
    """The help, a line for each flag."""
    arguments = [str(chaisql.find_server()), command, "--help"]
    told = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=True).stdout
    return re.sub(r"\n {20,}", " ", told)


def test_its_limits_are_the_programs() -> None:
    told = []
    for flag, text in re.findall(
        r"^ +(--[\w-]+)(.*)$", told_by("serve").split("Limits, with the")[1], re.MULTILINE
    ):
        default = re.search(r"Default: (\w+)", text)
        sqlstate = re.search(r"\((\w{5})[,)]", text)
        assert default, f"{flag}: {text}"
        told.append((flag, SIZES.get(default[1], default[1]), sqlstate[1] if sqlstate else ""))
    assert len(told) == 18
    assert re.findall(r"^\| `(--[\w-]+)` \| ([^|]+) \| (\w*) ?\|", MANUAL, re.MULTILINE) == told


def test_its_flags_exist() -> None:
    known = "".join(map(told_by, ("serve", "passwd", "backup", "check")))
    elsewhere = {"--systemd"}
    assert set(re.findall(r"--[a-z][\w-]+", MANUAL)) <= set(re.findall(r"--[\w-]+", known)) | elsewhere
