"""Compile the Go server while a wheel is built, or an editable install made, and put it in.

The executable becomes a script of the wheel: it lands beside `python` and nothing is written into the
source tree. It is static, so one wheel serves every Python and every libc of its platform.
"""

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
import go_toolchain
from go_toolchain import Version

NAME = "chaisqld"
PACKAGE = "./cmd/chaisqld"
LINUX = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
NO_WINDOWS = (
    "chai-python does not run on Windows: its server is reached through a Unix socket, which Python "
    "does not have there. Use it in the Windows Subsystem for Linux."
)
NOTICES = "THIRD_PARTY_NOTICES.txt"
NOTICE_FILES = re.compile(r"(licen[cs]e|copying|notice|patents)", re.IGNORECASE)
NETWORK = re.compile(r"dial tcp|proxyconnect|no such host|i/o timeout|TLS handshake|GOPROXY|reading http")
NETWORK_HINT = (
    "\nGo could not download the server's modules: set GOPROXY to a module proxy that can be reached from "
    "here, or install a wheel of chai-python, which needs no Go."
)
SHOWN_CHARACTERS = 3000


class GoServerHook(BuildHookInterface[Any]):
    """Hatchling's hook: `dependencies`, then `initialize`, and `finalize` when all went well."""

    def dependencies(self) -> list[str]:
        return go_toolchain.to_install()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if os.environ.get("GOOS", "windows" if os.name == "nt" else "") == "windows":
            self.app.abort(NO_WINDOWS)
        found = go_toolchain.find_go()
        if found is None:
            self.app.abort(go_toolchain.remedy())
            return
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chai-python-"))
            try:
                build = ServerBuild(*found, source=Path(self.root, "server"), folder=Path(folder))
                self.app.display_info(f"compiling {NAME} for {'/'.join(build.target)} with {found[0]}")
                build.run()
            except subprocess.CalledProcessError as error:
                stack.close()  # abort() ends the process
                self.app.abort(explain(error))
                raise
            self._declare(build, build_data)
            self._files = stack.pop_all()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._files.close()

    def _declare(self, build: "ServerBuild", build_data: dict[str, Any]) -> None:
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + wheel_platform(build.target, build.version)
        build_data["shared_scripts"][str(build.executable)] = build.executable.name
        build_data["extra_metadata"][str(build.notices)] = NOTICES


class ServerBuild:
    """One compilation of *source* into *folder*."""

    def __init__(self, go: str, version: Version, *, source: Path, folder: Path) -> None:
        self.go, self.version, self.source, self.folder = go, version, source, folder
        self.environment = self._with_caches(go_toolchain.environment())
        goos, goarch = self._go("env", "GOOS", "GOARCH").split()  # honors a cross build
        self.target = (goos, goarch)
        self.executable = folder / NAME
        self.notices = folder / NOTICES

    def run(self) -> None:
        """Compile, with nothing of this machine in the result: the same Go makes the same bytes anywhere."""
        self._go("build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", str(self.executable), PACKAGE)
        self.notices.write_text(self._third_party(), encoding="utf-8")

    def _with_caches(self, environment: dict[str, str]) -> dict[str, str]:
        """Go's caches where the user has them; where those cannot be written, in this build's own folder."""
        self.environment = environment
        for name in ("GOCACHE", "GOMODCACHE"):
            if not writable(self._go("env", name).strip()):
                environment[name] = str(self.folder / name.lower())
                environment["GOFLAGS"] += " -modcacherw"  # else the folder could not be removed
        return environment

    def _third_party(self) -> str:
        """The license texts of all that is linked in: of modules, of what they took over, and Go's own."""
        package = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
        listed = self._go("list", "-deps", "-f", package, PACKAGE).splitlines()
        folders: dict[tuple[str, Path], set[Path]] = {}
        for module, root, folder in (line.split("\t") for line in listed if line):
            above = [Path(folder), *Path(folder).parents]
            between = [path for path in above if path.is_relative_to(root)]
            folders.setdefault((module, Path(root)), set()).update(between)
        go = Path(self._go("env", "GOROOT").strip())
        texts = [
            notice
            for (module, root), found in [*sorted(folders.items()), (("Go", go), {go})]
            for folder in sorted(found)
            for notice in notices_of(module, root, folder)
        ]
        return "\n".join(texts)

    def _go(self, *arguments: str) -> str:
        """Go's standard output; its messages about downloads stay out of it."""
        done = subprocess.run(
            [self.go, *arguments],
            check=True,
            capture_output=True,
            text=True,
            cwd=self.source,
            env=self.environment,
        )
        return done.stdout


def writable(path: str) -> bool:
    with contextlib.suppress(OSError):
        Path(path).mkdir(parents=True, exist_ok=True)
        return os.access(path, os.W_OK | os.X_OK)
    return False


def wheel_platform(target: tuple[str, str], version: Version) -> str:
    """The platform that pip knows *target* by."""
    goos, goarch = target
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(goarch, goarch)
    if goos == "linux" and goarch in {"amd64", "arm64"}:
        return LINUX.format(machine)
    if goos == "darwin":  # Go 1.27 links for macOS 13 and later
        return f"macosx_{12 if version < (1, 27) else 13}_0_{machine.replace('aarch64', 'arm64')}"
    return re.sub(r"[-. ]", "_", sysconfig.get_platform())


def notices_of(module: str, root: Path, folder: Path) -> list[str]:
    """The license texts that lie in one *folder* of a module."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and NOTICE_FILES.match(file.name)]
    return [
        f"{'=' * 79}\n{module}: {file.relative_to(root)}\n\n"
        f"{file.read_text(encoding='utf-8', errors='replace').strip()}\n"
        for file in files
        if file.suffix != ".go"
    ]


def explain(error: subprocess.CalledProcessError) -> str:
    said = (error.stderr or error.stdout or "").strip()
    hint = NETWORK_HINT if NETWORK.search(said) else ""
    command = " ".join(map(str, error.cmd[:2]))
    return f"chai-python: `{command}` failed:\n{said[-SHOWN_CHARACTERS:]}{hint}"
