"""What the middleware refuses to be made with."""

from datetime import timedelta
from typing import Any

import pytest

from wsgi_chaisession import ChaiStore, Cookie, SessionMiddleware, TokenHeader
from wsgi_chaisession.testing import MemoryStore

HOUR = timedelta(hours=1)


def make(**options: Any) -> SessionMiddleware:
    return SessionMiddleware(lambda environ, start_response: [], MemoryStore(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lifetime": timedelta(0)}, "lifetime must be positive"),
        ({"idle_timeout": timedelta(0)}, "idle_timeout must be positive"),
        ({"touch_interval": -HOUR}, "touch_interval must not be negative"),
        ({"lifetime": timedelta.max}, "lifetime must be at most 36525 days, not 999999999"),
        ({"idle_timeout": timedelta.max}, "idle_timeout must be at most 36525 days"),
        ({"touch_interval": timedelta.max}, "touch_interval must be at most 36525 days"),
        ({"touch_interval": HOUR, "idle_timeout": HOUR}, "would end while they are in use"),
        ({"touch_interval": 2 * HOUR, "idle_timeout": HOUR}, "would end while they are in use"),
        ({"store_timeout": 0}, "store_timeout must be positive and finite, not 0"),
        ({"store_timeout": -1.5}, "store_timeout must be positive and finite"),
        ({"store_timeout": float("nan")}, "store_timeout must be positive and finite"),
        ({"store_timeout": float("inf")}, "store_timeout must be positive and finite"),
        ({"environ_key": "session"}, "needs a dot"),
        ({"on_conflict": "ignore"}, "on_conflict is"),
        ({"cookie": Cookie(), "transport": TokenHeader()}, "cookie= and transport= were given"),
    ],
)
def test_nonsense_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lifetime": 3600}, r"lifetime must be a timedelta, such as timedelta\(minutes=30\), not int"),
        ({"lifetime": None}, "lifetime must be a timedelta"),
        ({"idle_timeout": 60.0}, "idle_timeout must be a timedelta"),
        ({"touch_interval": "1m"}, "touch_interval must be a timedelta"),
        ({"store_timeout": "2"}, "store_timeout is a number of seconds, not str"),
        ({"store_timeout": True}, "store_timeout is a number of seconds, not bool"),
        ({"store_timeout": HOUR}, "store_timeout is a number of seconds, not timedelta"),
        ({"cookie": TokenHeader()}, "cookie must be a Cookie, not TokenHeader; transport= takes"),
        ({"cookie": "sid"}, "cookie must be a Cookie, not str"),
    ],
)
def test_another_type_is_refused(options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make(**options)


@pytest.mark.parametrize(
    "options", [{"touch_interval": 2 * HOUR}, {"lifetime": timedelta(days=36525)}, {"cookie": None}]
)
def test_what_makes_sense_is_taken(options: Any) -> None:
    make(**options)


@pytest.mark.parametrize(
    ("timeout", "error"), [(float("nan"), ValueError), ("2", TypeError), (0, ValueError)]
)
def test_so_it_is_with_a_stores_timeout(timeout: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="timeout"):
        ChaiStore("somewhere", timeout=timeout)
    with pytest.raises(error, match="timeout"):
        ChaiStore("somewhere").with_timeout(timeout)
