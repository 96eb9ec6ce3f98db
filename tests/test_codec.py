"""The codec: everything that it takes comes back equal, everything else is named and refused."""

import math
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from wsgi_chaisession import DecodeError, EncodeError, JSONCodec, SessionTooLarge

codec = JSONCodec(max_bytes=1 << 24)

any_text = st.text(st.characters())  # surrogates included
# Whole minutes: the standard library reads an offset of less than a second back as UTC.
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(1 << 63, 1 << 2000),
    st.floats(allow_nan=False),
    any_text,
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=zones),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(allow_nan=False),
)
keys = st.one_of(hashable, st.tuples(hashable, hashable), st.frozensets(hashable, max_size=3))
anything = st.recursive(
    st.one_of(hashable, st.sets(keys, max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(st.sampled_from(["!bytes", "!dict", "!", "a", ""]), inner, max_size=3),
    ),
    max_leaves=12,
)


def round_trip(value: Any) -> Any:
    return codec.loads(codec.dumps({"values": {"k": value}}))["values"]["k"]


def shape(value: Any) -> Any:
    """The value with its types, because 1 == 1.0 == True."""
    if isinstance(value, dict):
        return [(shape(key), shape(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [shape(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value), {(type(item), item) for item in value}
    return type(value), value


@given(anything)
def test_round_trip_keeps_values_types_and_order(value: Any) -> None:
    assert shape(round_trip(value)) == shape(value)


@given(anything)
def test_encoding_what_was_decoded_gives_the_same_bytes(value: Any) -> None:
    data = codec.dumps({"values": {"k": value}})
    assert codec.dumps(codec.loads(data)) == data


@given(st.binary())
def test_arbitrary_bytes_are_undecodable_and_nothing_worse(data: bytes) -> None:
    for prefix in (b"", b"\x01"):
        try:
            assert isinstance(codec.loads(prefix + data), dict)
        except DecodeError:
            continue


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x02{}",
        b"\x01[]",
        b'\x01{"values":{"!no":1}}',
        b'\x01{"values":{"!bytes":"*"}}',
        b'\x01{"values":{"!int":5}}',
        b'\x01{"values":{"!dict":[1]}}',
        b'\x01{"values":{"!decimal":"x"}}',
        b'\x01{"values":{"!set":[[]]}}',
        b'\x01{"values":{"!timedelta":[1e400]}}',
        b'\x01{"values":{"!uuid":null}}',
        b"\x01" + b"[" * 100_000,
    ],
)
def test_damaged_data_is_undecodable(text: bytes) -> None:
    with pytest.raises(DecodeError):
        codec.loads(text)


def test_no_value_is_confused_with_a_tag() -> None:
    value = {"!bytes": "aGk=", "x": {"!dict": []}, "y": {"!": {"!no": 1}}}
    assert round_trip(value) == value


@pytest.mark.parametrize("number", [math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])
def test_odd_floats(number: float) -> None:
    back = round_trip(number)
    assert (back, math.copysign(1, back)) == (number, math.copysign(1, number))


def test_not_a_number() -> None:
    assert math.isnan(round_trip(math.nan))
    assert round_trip(Decimal("sNaN")).is_snan()


def test_integers_beyond_the_interpreters_digit_limit() -> None:
    number = -(10**5000)
    assert round_trip({number: [number]}) == {number: [number]}


def test_sets_encode_alike_whatever_their_order() -> None:
    one, other = {"a", "b", "c", 1, 2}, {2, "c", 1, "b", "a"}
    assert codec.dumps({"values": one}) == codec.dumps({"values": other})


class Color(Enum):
    RED = 1


class Level(IntEnum):
    HIGH = 1


class Word(StrEnum):
    YES = "yes"


class Cart:
    pass


@pytest.mark.parametrize("member", [Color.RED, Level.HIGH, Word.YES])
def test_enums_are_refused(member: Enum) -> None:
    with pytest.raises(EncodeError, match=r"store its \.value or \.name"):
        round_trip(member)


@pytest.mark.parametrize("value", [Cart(), object(), len, iter(()), memoryview(b"x"), 1j, Cart])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(EncodeError, match="not a type that JSONCodec knows"):
        round_trip(value)


def test_an_error_says_where_and_what() -> None:
    with pytest.raises(EncodeError) as caught:
        codec.dumps({"values": {"cart": [{"item": (1, Cart())}]}})
    assert caught.value.path == "session['cart'][0]['item'][1]"
    assert caught.value.kind is Cart
    assert str(caught.value).startswith("session['cart'][0]['item'][1] cannot be stored in a session")


def test_a_bad_dictionary_key_is_named() -> None:
    with pytest.raises(EncodeError) as caught:
        codec.dumps({"values": {"cart": {Color.RED: 1}}})
    assert caught.value.path == "session['cart'][key]"


def test_markup_and_lazy_strings_become_text() -> None:
    class Lazy:
        def __str__(self) -> str:
            return "später"

        def __getattr__(self, name: str) -> Any:
            return getattr(str(self), name)

    back = round_trip([Markup("<b>"), Lazy()])
    assert back == ["<b>", "später"]
    assert [type(text) for text in back] == [str, str]


def test_subclasses_come_back_as_their_base() -> None:
    back = round_trip([OrderedDict(a=1), defaultdict(int, b=2)])
    assert [type(item) for item in back] == [dict, dict]


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError, match="nested deeper than 100 levels") as caught:
        round_trip(loop)
    assert len(str(caught.value)) < 400


def test_depth_up_to_the_limit() -> None:
    deep: list[Any] = []
    for _ in range(98):
        deep = [deep]
    assert round_trip(deep) == deep


def test_the_size_limit_is_exact() -> None:
    size = len(codec.dumps({"values": {"k": "x" * 1000}}))
    assert JSONCodec(max_bytes=size).dumps({"values": {"k": "x" * 1000}})
    with pytest.raises(
        SessionTooLarge, match=f"{size} bytes when encoded, the limit is {size - 1}"
    ) as caught:
        JSONCodec(max_bytes=size - 1).dumps({"values": {"k": "x" * 1000}})
    assert (caught.value.size, caught.value.limit) == (size, size - 1)


def test_the_default_limit_is_64_kib() -> None:
    assert JSONCodec().max_bytes == 65536
    with pytest.raises(ValueError, match="max_bytes must be positive, not 0"):
        JSONCodec(max_bytes=0)


EXAMPLES = [
    UUID(int=7),
    datetime(2030, 1, 2, 3, 4, 5, 6, UTC),
    date(2030, 1, 2),
    time(1, 2, 3, 4),
    timedelta(days=-1, microseconds=3),
    {(1, "a"): {b"x": frozenset({1})}},
]


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
def test_examples(value: Any) -> None:
    assert shape(round_trip(value)) == shape(value)
