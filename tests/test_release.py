"""What `make wheels` refuses to let out. The building itself takes minutes and is not run here."""

import struct
import sys
import tarfile
from pathlib import Path

import pytest

from release import building, checking
from release.building import TARGETS, CommandError, StepError

ELF = b"\x7fELF" + bytes(14)
X86 = ELF + struct.pack("<H", 62)
ARM = ELF + struct.pack("<H", 183)
TOLD = """chaisqld: go1.26.8
\tpath\tchaisqld/cmd/chaisqld
\tmod\tchaisqld\t(devel)\t
\tdep\texample.com/one\tv1.0.0\th1:x=
\tdep\texample.com/two\tv2.0.0\th1:y=
\tbuild\t-trimpath=true
\tbuild\tCGO_ENABLED=0
\tbuild\tGOARCH=amd64
\tbuild\tGOOS=linux
"""
NOTICES = "example.com/one v1.0.0: LICENSE\n\nMIT\n=\nexample.com/two v2.0.0: sub/NOTICE\n\n=\nGo: LICENSE\n"


def mach(machine: int, major: int, minor: int) -> bytes:
    other = struct.pack("<III", 0x1B, 12, 0)
    version = struct.pack("<IIIIII", checking.MACHO_BUILD_VERSION, 24, 1, major << 16 | minor << 8, 0, 0)
    return struct.pack("<IIIIIIII", checking.MACHO_MAGIC, machine, 3, 2, 2, 36, 0, 0) + other + version


ARM_MAC = mach(checking.MACHO_MACHINES["arm64"], 12, 0)


@pytest.mark.parametrize(
    ("binary", "target", "tag"),
    [
        (X86, ("linux", "amd64"), "manylinux_2_17_x86_64"),
        (ARM, ("linux", "arm64"), "manylinux_2_17_aarch64"),
        (ARM_MAC, ("darwin", "arm64"), "macosx_12_0_arm64"),
    ],
)
def test_a_program_for_its_platform(binary: bytes, target: tuple[str, str], tag: str) -> None:
    assert target in TARGETS
    checking.check_platform(f"x-py3-none-{tag}.whl", binary, target)


@pytest.mark.parametrize(
    ("binary", "target", "tag"),
    [
        (ARM, ("linux", "amd64"), "manylinux_2_17_x86_64"),
        (b"#!/bin/sh\nexit 0 # as long as a head", ("linux", "amd64"), "manylinux_2_17_x86_64"),
        (X86 + bytes(20), ("darwin", "amd64"), "macosx_12_0_x86_64"),
        (ARM_MAC, ("darwin", "amd64"), "macosx_12_0_x86_64"),
        (ARM_MAC, ("darwin", "arm64"), "macosx_11_0_arm64"),
    ],
)
def test_a_program_for_another_platform(binary: bytes, target: tuple[str, str], tag: str) -> None:
    with pytest.raises(checking.FlawError):
        checking.check_platform(f"x-py3-none-{tag}.whl", binary, target)


def test_folders_of_the_building_machine_are_found() -> None:
    checking.check_paths("x.whl", b"\0/homestead/a.go\0/", ["/home", "/"])
    with pytest.raises(checking.FlawError, match="names /home"):
        checking.check_paths("x.whl", b"\0/home/me/a.go\0", ["/usr/lib/go", "/home"])


def test_how_the_server_was_built() -> None:
    checking.check_build("x.whl", TOLD, ("linux", "amd64"))
    with pytest.raises(checking.FlawError, match="GOARCH=amd64, not arm64"):
        checking.check_build("x.whl", TOLD, ("linux", "arm64"))
    with pytest.raises(checking.FlawError, match="CGO_ENABLED=1"):
        checking.check_build("x.whl", TOLD.replace("CGO_ENABLED=0", "CGO_ENABLED=1"), ("linux", "amd64"))


def test_every_module_has_its_license() -> None:
    checking.check_notices("x.whl", TOLD, NOTICES)
    for missing in ("Go: LICENSE", "example.com/two"):
        with pytest.raises(checking.FlawError, match=missing):
            checking.check_notices("x.whl", TOLD, NOTICES.replace(missing, "something else"))
    with pytest.raises(checking.FlawError, match="does not say"):
        checking.check_notices("x.whl", "", NOTICES)


def test_only_a_folder_that_was_made_here_is_emptied(tmp_path: Path) -> None:
    out = tmp_path / "new" / "dist"
    building.empty(out)
    (out / "old.whl").touch()
    building.empty(out)
    assert building.published(out) == []

    precious = tmp_path / "home"
    precious.mkdir()
    building.empty(precious)  # an empty one may be anybody's
    (precious / building.MARKER).unlink()
    (precious / "letter").write_text("mine")
    with pytest.raises(StepError, match="home holds files that were not made here"):
        building.empty(precious)
    with pytest.raises(StepError, match="letter is not a folder"):
        building.empty(precious / "letter")
    assert (precious / "letter").read_text() == "mine"


def test_a_command_that_does_not_end_is_a_step_that_failed(tmp_path: Path) -> None:
    forever = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(CommandError, match=r"sleep\(600\) did not end within 0.1 s"):
        building.run(forever, cwd=tmp_path, timeout=0.1)
    with pytest.raises(CommandError, match="failed with 3:\nwhy"):
        building.run([sys.executable, "-c", "print('why'); raise SystemExit(3)"], cwd=tmp_path)


def test_files_bear_the_time_of_the_commit(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "small"\nversion = "1"\n'
    )
    building.hatchling(tmp_path, "sdist", tmp_path / "out", SOURCE_DATE_EPOCH="1000000000")
    with tarfile.open(tmp_path / "out" / "small-1.tar.gz") as sdist:
        assert {int(member.mtime) for member in sdist} == {1_000_000_000}
