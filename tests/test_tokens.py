"""Tokens: unguessable, recognisable, and hashed."""

import pytest

from wsgi_chaisession import tokens


def test_tokens_are_well_formed_and_differ() -> None:
    made = {tokens.generate() for _ in range(200)}
    assert len(made) == 200
    assert all(tokens.is_well_formed(token) for token in made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a" * 42,
        "a" * 44,
        "a" * 42 + "=",
        "a" * 42 + "\n",
        "é" * 43,
        "a" * 42 + " ",
        "٣" * 43,
        "a" * 9000,
    ],
)
def test_other_text_is_not_well_formed(text: str) -> None:
    assert not tokens.is_well_formed(text)


def test_the_hash_is_sha256_in_base64url() -> None:
    assert tokens.hash_token("abc") == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"


def test_a_label_is_the_beginning_of_the_hash() -> None:
    assert tokens.label(tokens.hash_token("abc")) == "ungWv48B"
