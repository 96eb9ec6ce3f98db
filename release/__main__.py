"""Build what is committed into a folder, check it, and install it as strangers do; a failure ends the run."""

import argparse
import sys
import tempfile
from pathlib import Path

from release import building, checking, installing

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("--go", required=True, help="the go command that compiles the server")
    parser.add_argument(
        "--out",
        default="dist",
        type=Path,
        help="the folder; what an earlier run left there goes first (default: dist)",
    )
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            make(
                building.Release(
                    root=ROOT,
                    out=arguments.out.resolve(),
                    folder=Path(folder).resolve(),
                    go=arguments.go,
                    epoch=building.committed_at(ROOT),
                )
            )
    except building.StepError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def make(release: building.Release) -> None:
    wheels = building.build(release)
    for target, wheel in wheels.items():
        say(f"checking {wheel.name}")
        checking.check_server_wheel(wheel, target, release.go, machine_paths(release.go, release.folder))
    say("building one wheel again, elsewhere")
    checking.check_reproducible(release, wheels)
    say("asking twine, check-wheel-contents and auditwheel")
    checking.check_with_tools(release.out, wheels)
    say("installing the wheels in a new environment without Go, and the sdist without git")
    installing.check_wheels(release)
    installing.check_sdist(release)
    for file in building.published(release.out):
        say(f"{file.stat().st_size / 1e6:7.2f} MB  {file.name}")


def machine_paths(go: str, folder: Path) -> list[str]:
    """Folders of this machine that must not show in what is published."""
    told = building.run([go, "env", "GOROOT", "GOMODCACHE", "GOCACHE"], cwd=folder).split()
    return [*told, str(ROOT), str(folder), str(Path.home())]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
