"""What must be true of a wheel before strangers get it."""

import re
import struct
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from release.building import Release, StepError, Target, published, run, server_wheel, unpacked

ELF_MACHINES = {"amd64": 62, "arm64": 183}
MACHO_MAGIC, MACHO_BUILD_VERSION = 0xFEEDFACF, 0x32
MACHO_MACHINES = {"amd64": 0x01000007, "arm64": 0x0100000C}


class FlawError(StepError):
    """A wheel is not fit to be published."""


def check_server_wheel(wheel: Path, target: Target, go: str, paths: list[str]) -> None:
    """The server inside is for its platform, static, of nobody's machine, and comes with every license."""
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        (server,) = [i for i in archive.infolist() if i.filename.endswith(".data/scripts/chaisqld")]
        if not server.external_attr >> 16 & 0o111:
            raise FlawError(f"{wheel.name}: chaisqld is not executable")
        binary = archive.read(server)
        (notices,) = [name for name in archive.namelist() if name.endswith("/THIRD_PARTY_NOTICES.txt")]
        text = archive.read(notices).decode()
        program = Path(folder, "chaisqld")
        program.write_bytes(binary)
        told = run([go, "version", "-m", str(program)], cwd=Path(folder))
    check_platform(wheel.name, binary, target)
    check_paths(wheel.name, binary, paths)
    check_build(wheel.name, told, target)
    check_notices(wheel.name, told, text)


def check_platform(name: str, binary: bytes, target: Target) -> None:
    """The program is of the format, the machine and the system version that the wheel's name promises."""
    goos, goarch = target
    if goos == "linux":
        machine = struct.unpack_from("<H", binary, 18)[0] if binary[:4] == b"\x7fELF" else None
        if machine != ELF_MACHINES[goarch]:
            raise FlawError(f"{name}: chaisqld is no ELF program for {goarch}")
        return
    machine, at_least = macho(binary)
    if machine != MACHO_MACHINES[goarch]:
        raise FlawError(f"{name}: chaisqld is no Mach-O program for {goarch}")
    if f"macosx_{at_least[0]}_{at_least[1]}_" not in name:
        raise FlawError(f"{name}: chaisqld needs macOS {at_least[0]}.{at_least[1]}")


def macho(binary: bytes) -> tuple[int | None, tuple[int, int]]:
    """The machine of a 64-bit Mach-O program, and the first macOS it runs on; None for other files."""
    magic, machine, _, _, commands = struct.unpack_from("<IIIII", binary)
    if magic != MACHO_MAGIC:
        return None, (0, 0)
    at = 32
    for _ in range(commands):
        kind, size = struct.unpack_from("<II", binary, at)
        if kind == MACHO_BUILD_VERSION:
            (minimum,) = struct.unpack_from("<I", binary, at + 12)
            return machine, (minimum >> 16, minimum >> 8 & 0xFF)
        at += size
    return machine, (0, 0)


def check_paths(name: str, binary: bytes, paths: list[str]) -> None:
    for path in paths:
        if len(path) > 1 and re.search(re.escape(path.encode()) + rb"(/|\0|$)", binary):
            raise FlawError(f"{name}: chaisqld names {path}, a folder of the machine it was built on")


def check_build(name: str, told: str, target: Target) -> None:
    """*told* is what `go version -m` says."""
    settings = dict(re.findall(r"^\tbuild\t([^=\n]+)=(.*)$", told, re.MULTILINE))
    wanted = {"CGO_ENABLED": "0", "GOOS": target[0], "GOARCH": target[1], "-trimpath": "true"}
    for setting, value in wanted.items():
        if settings.get(setting) != value:
            raise FlawError(f"{name}: chaisqld was built with {setting}={settings.get(setting)}, not {value}")


def check_notices(name: str, told: str, notices: str) -> None:
    """Every module that is linked in has its license in the wheel, and so has Go."""
    modules = re.findall(r"^\tdep\t(\S+)\t(\S+)", told, re.MULTILINE)
    if not modules:
        raise FlawError(f"{name}: chaisqld does not say which modules it is made of")
    for needed in ["Go: LICENSE", *(f"{module} {version}: " for module, version in modules)]:
        if f"\n{needed}" not in f"\n{notices}":
            raise FlawError(f"{name}: THIRD_PARTY_NOTICES.txt has nothing of {needed.rstrip(': ')}")


def check_reproducible(release: Release, wheels: dict[Target, Path]) -> None:
    """The same bytes come from a folder of another name."""
    target, wheel = next(iter(wheels.items()))
    elsewhere = release.folder / "another folder"
    again = elsewhere / "out"
    again.mkdir(parents=True)
    project = unpacked(release.out, "chai_python", elsewhere)
    if server_wheel(release, project, target, again).read_bytes() != wheel.read_bytes():
        raise FlawError(f"{wheel.name} came out with other bytes the second time")


def check_with_tools(out: Path, wheels: dict[Target, Path]) -> None:
    """What PyPI and pip will look at."""
    run([*tool("twine"), "check", "--strict", *map(str, published(out))], cwd=out)
    contents = Path(sysconfig.get_path("scripts"), "check-wheel-contents")
    (pure,) = out.glob("wsgi_chaisession-*.whl")
    run([str(contents), "--no-config", "--toplevel", "wsgi_chaisession,reaper", str(pure)], cwd=out)
    for (goos, _), wheel in wheels.items():
        run([str(contents), "--no-config", "--toplevel", "chaisql", str(wheel)], cwd=out)
        if goos == "linux":
            shown = " ".join(run([*tool("auditwheel"), "show", str(wheel)], cwd=out).split())
            if "requires no external shared libraries" not in shown:
                raise FlawError(f"{wheel.name}: auditwheel says: {shown}")


def tool(name: str) -> list[str]:
    return [sys.executable, "-m", name]
