"""What `connect`, the commands and the shell take a target for, and what they refuse with a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import chaisql
from chaisql import TargetKind, cli, target_kind

REFUSED = {
    "": "must not be empty: give a directory",
    "mysql://root:secret@x/y": "mysql:// is not supported: give a directory or a postgresql:// URL",
    "postgresql+psycopg://x": r"postgresql\+psycopg:// is not supported",
    "host=x dbname=y password=secret": "keyword=value text is not supported: give a postgresql:// URL",
    "service=x": "keyword=value text is not supported",
}


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("data", TargetKind.DIRECTORY),
        ("/srv/host=x", TargetKind.DIRECTORY),
        ("./host=x", TargetKind.DIRECTORY),
        ("shop=eu", TargetKind.DIRECTORY),
        ("C://data", TargetKind.DIRECTORY),
        (Path("host=x"), TargetKind.DIRECTORY),
        (":memory:", TargetKind.MEMORY),
        ("postgresql://", TargetKind.URL),
        ("postgres://x/y?host=z", TargetKind.URL),
    ],
)
def test_what_a_target_is(target: str | Path, kind: TargetKind) -> None:
    assert target_kind(target) is kind


@pytest.mark.parametrize(("target", "message"), REFUSED.items())
def test_what_is_meant_for_something_else_is_refused(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    monkeypatch.chdir(short_path)
    for use in (chaisql.connect, chaisql.Server):
        with pytest.raises(ValueError, match=message) as caught:
            use(target)
        assert "secret" not in str(caught.value)
    assert list(short_path.iterdir()) == []


def uses() -> Iterator[list[str]]:
    """Every command with every target that is no directory; the shell takes more."""
    for target in REFUSED:
        yield ["shell", target]
    for target in [*REFUSED, ":memory:", "postgresql://x"]:
        for command in ("serve", "status", "stop", "init", "adopt", "check"):
            yield [command, target]
        for command in ("backup", "restore"):
            yield [command, target, "copy"]


@pytest.mark.parametrize("arguments", list(uses()), ids=" ".join)
def test_commands_refuse_it_as_wrong_usage(
    short_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(short_path)
    assert cli.main(arguments) == 64
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "secret" not in err
    assert list(short_path.iterdir()) == []
