"""The acceptance list in README.md and the names of the tests agree."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_id_has_a_test_and_every_tests_id_is_listed() -> None:
    listed = re.findall(r"^\| ([AW]\d+) \|", (TESTS / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    source = "".join(path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py"))
    tested = {name.upper() for name in re.findall(r"^def test_([aw]\d+)_", source, re.MULTILINE)}
    assert listed == [f"A{n}" for n in range(1, 26)] + [f"W{n}" for n in range(1, 13)]
    assert tested == set(listed)
