"""What SessionMiddleware may be asked for: checked when it is made, before anything is read or written."""

from datetime import timedelta
from typing import Any

from .cookie import Cookie, Transport
from .payload import MAX_LIFE
from .rows import Policy

_ZERO = timedelta(0)


def checked_policy(
    *,
    lifetime: timedelta,
    idle_timeout: timedelta | None,
    touch_interval: timedelta | None,
    on_conflict: Any,
) -> Policy:
    _check_span("lifetime", lifetime, least=timedelta.resolution)
    if idle_timeout is not None:
        _check_span("idle_timeout", idle_timeout, least=timedelta.resolution)
    if touch_interval is not None:
        _check_span("touch_interval", touch_interval, least=_ZERO)
        if idle_timeout is not None and touch_interval >= idle_timeout:
            raise ValueError(
                f"touch_interval {touch_interval} is not less than idle_timeout {idle_timeout}: "
                "sessions would end while they are in use"
            )
    if on_conflict not in ("merge", "overwrite", "error"):
        raise ValueError(f"on_conflict is 'merge', 'overwrite' or 'error', not {on_conflict!r}")
    return Policy(
        lifetime=lifetime, idle_timeout=idle_timeout, touch_interval=touch_interval, on_conflict=on_conflict
    )


def checked_transport(cookie: Cookie | None, transport: Transport | None) -> Transport:
    if cookie is not None and transport is not None:
        raise ValueError("cookie= and transport= were given: tokens travel by one of them")
    if cookie is not None and not isinstance(cookie, Cookie):
        raise TypeError(
            f"cookie must be a Cookie, not {type(cookie).__name__}; transport= takes anything else"
        )
    return transport or cookie or Cookie()


def check_environ_key(key: str) -> None:
    if "." not in key:
        raise ValueError(f"environ_key {key!r} needs a dot (PEP 3333)")


def _check_span(name: str, span: Any, *, least: timedelta) -> None:
    if not isinstance(span, timedelta):
        raise TypeError(
            f"{name} must be a timedelta, such as timedelta(minutes=30), not {type(span).__name__}"
        )
    if span < least:
        raise ValueError(f"{name} must {'be positive' if least else 'not be negative'}, not {span}")
    if span > MAX_LIFE:
        raise ValueError(f"{name} must be at most {MAX_LIFE.days} days, not {span.days}")
