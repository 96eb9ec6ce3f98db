"""What it takes to turn a session into bytes and back: our codec, beside msgspec and the standard library.

Run `python -m benchmarks.codec`. Times are the processor's, and the least of many short rounds, so that
other programs disturb them little. The others are no alternatives: JSON and MessagePack by themselves lose
tuples, sets and more, and pickle runs what it reads. They say what there would be to gain.
"""

import json
import pickle
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import click
from msgspec import json as msgspec_json
from msgspec import msgpack

from wsgi_chaisession import MsgpackCodec

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LOGIN = {
    "user": "user:42",
    "csrf": "x" * 43,
    "visits": 17,
    "locale": "de",
    "cart": [{"sku": "A-1", "n": 2}] * 2,
}
TYPES = {
    "id": UUID(int=7),
    "born": date(2000, 1, 1),
    "price": Decimal("9.50"),
    "pair": (1, 2),
    "seen": {1, 2},
}
TABLE = {str(i): {"a": i, "b": "x" * 20, "c": [1, 2, 3]} for i in range(300)}
SESSIONS = {
    "one number": {"values": {"n": 1}, "deadline": NOW},
    "a login and a cart": {"values": LOGIN, "deadline": NOW, "principal": "user:42", "since": NOW},
    "types that JSON lacks": {"values": TYPES, "deadline": NOW},
    "300 rows": {"values": TABLE, "deadline": NOW},
}
ours = MsgpackCodec()
CODECS: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "MsgpackCodec": (ours.dumps, ours.loads),
    "msgspec, MessagePack": (msgpack.encode, msgpack.decode),
    "msgspec, JSON": (msgspec_json.encode, msgspec_json.decode),
    "json": (lambda payload: json.dumps(payload, default=str).encode(), json.loads),
    "pickle": (pickle.dumps, pickle.loads),
}


def least(call: Callable[[], object], rounds: int) -> float:
    """Microseconds of one call in the best round."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time_ns()
        for _ in range(20):
            call()
        best = min(best, (time.process_time_ns() - start) / 20_000)
    return best


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=300, show_default=True)
def main(rounds: int) -> None:
    """Measure codecs."""
    for name, payload in SESSIONS.items():
        click.echo(name)
        for codec, (dumps, loads) in CODECS.items():
            data = dumps(payload)
            write = least(partial(dumps, payload), rounds)
            read = least(partial(loads, data), rounds)
            click.echo(f"  {codec:22}{len(data):7} bytes  write {write:7.2f} µs  read {read:7.2f} µs")


if __name__ == "__main__":
    main()
