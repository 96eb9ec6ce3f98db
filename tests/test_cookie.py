"""The cookie: found among anything a browser sends, written with the right attributes."""

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_chaisession import Cookie, tokens

TOKEN = "tokentokentokentokentokentokentokentokento0"
OTHER = "otherotherotherotherotherotherotherotherot1"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
HTTPS = {"wsgi.url_scheme": "https"}
HTTP = {"wsgi.url_scheme": "http"}


def read(header: str, **options: Any) -> str | None:
    """The token that is tried first."""
    found = Cookie(**options).read({"HTTP_COOKIE": header})
    return found[0] if found else None


@pytest.mark.parametrize(
    "header",
    [
        f"session={TOKEN}",
        f'session="{TOKEN}"',
        f"null;session={TOKEN}",
        f"; ;;=;session = {TOKEN} ;",
        f"a=b; {'; '.join(f'c{i}=v{i}' for i in range(500))}; session={TOKEN}",
        f'bad="unclosed; session={TOKEN}; [weird]=\x00\xff',
        f"session=; session=short; session={TOKEN}; session={OTHER}",
        f"session={'x' * 9000}; session={TOKEN}",
        f"mysession={OTHER}; session={TOKEN}; session2={OTHER}",
    ],
)
def test_a25_the_first_well_formed_token_is_found(header: str) -> None:
    assert read(header) == TOKEN


@pytest.mark.parametrize(
    "header",
    [
        "",
        "session",
        "session=",
        f"Session={TOKEN}",
        f"session={TOKEN}x",
        f"session={TOKEN[1:]}",
        f"xsession={TOKEN}",
        f"session={TOKEN} x",
        f"session={TOKEN[:-1]}%",
        "session=" + "٣" * 43,
        f"a=session={TOKEN}",
    ],
)
def test_a9_anything_else_is_ignored(header: str) -> None:
    assert read(header) is None


def test_no_cookie_header() -> None:
    assert Cookie().read({}) == []


pairs = st.text(st.characters(max_codepoint=255, exclude_characters=";"), max_size=60)


@given(st.lists(pairs, max_size=30), st.integers(0, 30), st.lists(pairs, max_size=5))
def test_neighbours_never_hide_our_cookie(before: list[str], spot: int, after: list[str]) -> None:
    neighbours = [text for text in before if not text.strip(" \t").startswith("session")]
    header = ";".join([*neighbours, f" session={TOKEN}", *after])
    assert read(header) == TOKEN


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_is_read_is_well_formed(header: str) -> None:
    token = read("session=" + header)
    assert token is None or tokens.is_well_formed(token)


def test_a_name_with_special_characters_is_taken_literally() -> None:
    assert read(f"a.b={TOKEN}", name="a.b") == TOKEN
    assert read(f"axb={TOKEN}", name="a.b") is None


def issue(cookie: Cookie, environ: dict[str, Any] = HTTP, *, expires: datetime | None = None) -> Any:
    name, value = cookie.issue(environ, TOKEN, expires, NOW)
    assert name == "Set-Cookie"
    return next(iter(SimpleCookie(value).values()))


def test_the_defaults() -> None:
    morsel = issue(Cookie(), HTTPS)
    assert (morsel.key, morsel.value) == ("session", TOKEN)
    assert (morsel["path"], morsel["domain"], morsel["samesite"]) == ("/", "", "Lax")
    assert morsel["httponly"] is True


def test_a15_secure_auto_follows_the_scheme() -> None:
    assert issue(Cookie(), HTTPS)["secure"] is True
    assert issue(Cookie(), HTTP)["secure"] == ""
    assert issue(Cookie(secure=False), HTTPS)["secure"] == ""


def test_both_expiries_are_rounded_up() -> None:
    morsel = issue(Cookie(), expires=NOW + timedelta(seconds=90, microseconds=1))
    assert morsel["max-age"] == "91"
    assert morsel["expires"] == "Tue, 01 Jan 2030 00:01:31 GMT"


def test_a14_without_an_expiry_the_browser_decides() -> None:
    morsel = issue(Cookie())
    assert (morsel["max-age"], morsel["expires"]) == ("", "")


def test_a7_withdrawal_repeats_the_attributes() -> None:
    cookie = Cookie(
        name="id", domain="example.org", path="/app", secure=True, samesite="Strict", partitioned=True
    )
    _, issued = cookie.issue(HTTPS, TOKEN, None, NOW)
    _, withdrawn = cookie.withdraw(HTTPS)
    attributes = set(issued.split("; ")[1:])
    assert attributes == {
        "Domain=example.org", "Secure", "HttpOnly", "Path=/app", "SameSite=Strict", "Partitioned",
    }  # fmt: skip
    assert set(withdrawn.split("; ")) == attributes | {
        "id=", "Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    }  # fmt: skip


@pytest.mark.parametrize(
    "cookie",
    [
        Cookie(name="withheld1", secure=True),
        Cookie(name="__Host-withheld2"),
        Cookie(name="__Secure-withheld3"),
        Cookie(name="withheld4", samesite="None"),
        Cookie(name="withheld5", partitioned=True),
    ],
    ids=lambda cookie: cookie.name,
)
def test_a15_a_cookie_that_must_be_secure_is_withheld_from_http_and_logged_once(
    cookie: Cookie, caplog: pytest.LogCaptureFixture
) -> None:
    assert not cookie.usable(HTTP)
    assert not cookie.usable(HTTP)
    assert cookie.usable(HTTPS)
    assert len(caplog.records) == 1
    assert "withheld" in caplog.text
    assert "X-Forwarded-Proto" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "not an HTTP token"),
        ({"name": "a b"}, "not an HTTP token"),
        ({"name": "a;b"}, "not an HTTP token"),
        ({"name": "__Host-id", "path": "/app"}, "no domain"),
        ({"name": "__Host-id", "domain": "example.org"}, "no domain"),
        ({"name": "__Secure-id", "secure": False}, "must be secure"),
        ({"partitioned": True, "secure": False}, "must be secure"),
        ({"samesite": "None", "secure": False}, "must be secure"),
        ({"samesite": "lax"}, "samesite is"),
        ({"secure": "yes"}, "secure is"),
        ({"path": "app"}, "must begin with"),
        ({"path": "/;x"}, "hold no"),
        ({"path": "/a\r\nX: y"}, "no control character"),
        ({"name": "__HOST-id", "path": "/app"}, "no domain"),
        ({"name": "__secure-id", "secure": False}, "must be secure"),
        *(
            ({"domain": domain}, "is not a host name")
            for domain in (
                *(
                    "",
                    ".",
                    "..",
                    "a..b",
                    "a.",
                    "a;b",
                    "example.org; Secure",
                    "x.org\r\nSet-Cookie: a=b",
                    "a b",
                ),
                *("localhost:80", "x" * 64 + ".org", "-a.org", "a-.org", ".".join(["x" * 60] * 5), "ü" * 60),
            )
        ),
    ],
    ids=repr,
)
def test_contradictions_are_refused_at_construction(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cookie(**options)


@pytest.mark.parametrize(
    ("domain", "written"),
    [
        ("example.org", "example.org"),
        (".example.org", "example.org"),
        ("my_host.Example.org", "my_host.Example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("x" * 63 + ".org", "x" * 63 + ".org"),
    ],
)
def test_domains_are_written_as_browsers_take_them(domain: str, written: str) -> None:
    assert issue(Cookie(domain=domain))["domain"] == written


@pytest.mark.parametrize("option", ["name", "domain", "path"])
def test_names_domains_and_paths_are_text(option: str) -> None:
    with pytest.raises(TypeError, match=f"cookie {option} must be str, not bytes"):
        Cookie(**{option: b"/"})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["__host-id", "__HOST-id", "__secure-id"])
def test_a_prefix_means_the_same_in_any_case(name: str) -> None:
    """Browsers compare it so, and would drop a cookie that is not secure."""
    assert issue(Cookie(name=name), HTTPS)["secure"] is True
    assert not Cookie(name=name).usable(HTTP)


def test_several_tokens_are_given_in_the_clients_order_and_once() -> None:
    header = f"session={TOKEN}; a=b; session={OTHER}; session={TOKEN}; session=short"
    assert Cookie().read({"HTTP_COOKIE": header}) == [TOKEN, OTHER]


def test_an_expiry_that_has_passed_is_no_negative_age() -> None:
    assert issue(Cookie(), expires=NOW - timedelta(seconds=5))["max-age"] == "0"
