"""The codec: everything that it takes comes back equal, everything else is named and refused."""

import contextlib
import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple
from unittest.mock import MagicMock, Mock
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from wsgi_chaisession import DecodeError, EncodeError, MsgpackCodec, SessionTooLarge

codec = MsgpackCodec(max_bytes=1 << 24)

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
        st.dictionaries(any_text, inner, max_size=3),
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


@given(st.binary(), st.sampled_from([b"", b"\x01", b"\x02", b"\x02\x81", b"\x02\x81\xa1k\xc7\x01"]))
def test_arbitrary_bytes_are_undecodable_and_nothing_worse(data: bytes, prefix: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(codec.loads(prefix + data), dict)


@given(anything, st.data())
def test_damage_is_undecodable_or_another_session(value: Any, data: st.DataObject) -> None:
    intact = codec.dumps({"values": {"k": value}})
    place = data.draw(st.integers(1, len(intact) - 1))
    with pytest.raises(DecodeError):
        codec.loads(intact[:place])
    changed = intact[:place] + data.draw(st.binary(min_size=1, max_size=3)) + intact[place + 1 :]
    with contextlib.suppress(DecodeError):
        assert isinstance(codec.loads(changed), dict)


def in_tuples(data: bytes, levels: int) -> bytes:
    """*data* within as many tuples, each a MessagePack extension 1 with a list of one item."""
    for _ in range(levels):
        data = b"\xc9" + (len(data) + 1).to_bytes(4, "big") + b"\x01\x91" + data
    return data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x80",
        b"\x03\x80",
        b"{}",
        b"\x02",
        b"\x02\x90",
        b"\x02\x80\x80",
        b"\x02\x81\xa1k\xc1",  # a byte that MessagePack never uses
        b"\x02\x81\xa1k\xa1\xff",
        b"\x02\x81\xa1k\xd4\x00x",  # an extension that is none of ours
        b"\x02\x81\xa1k\xd4\x0dx",
        b"\x02\x81\xa1k\xd4\x01\x05",  # a tuple of a number
        b"\x02\x81\xa1k\xd5\x02\x91\x90",  # a set of a list
        b"\x02\x81\xd5\x02\x91\x01\x01",  # a set as a key
        b"\x02\x81\xa1k\xd5\x04\x91\x01",  # a pair of one
        b"\x02\x81\xa1k\xd4\x07x",
        b"\x02\x81\xa1k\xd4\x0a\x91",
        b"\x02\x81\xa1k\xc7\x0a\x0a\x91\xcb\x7f\xf0\0\0\0\0\0\0",  # an infinite timedelta
        b"\x02\x81\xa1k\xd4\x0bx",
        b"\x02\x81\xa1k\xd4\x0cx",
        b"\x02\x81\xa1k\xdd\xff\xff\xff\xff",  # lists and texts that would fill the memory
        b"\x02\x81\xa1k\xdb\xff\xff\xff\xff",
        b"\x02\xdf\xff\xff\xff\xff",
        b"\x02" + b"\x91" * 100_000,
        b"\x02" + b"\x81\x01" * 50_000,
        b"\x02\x81\xa1k" + in_tuples(b"\x01", 3000),
        b"\x01[]",
        b'\x01{"values":{"!no":1}}',
        b'\x01{"values":{"!bytes":"*"}}',
        b'\x01{"values":{"!int":5}}',
        b'\x01{"values":{"!dict":[1]}}',
        b'\x01{"values":{"!decimal":"x"}}',
        b'\x01{"values":{"!set":[[]]}}',
        b'\x01{"values":{"!timedelta":[1e400]}}',
        b'\x01{"values":{"!uuid":null}}',
        b"\x01\xff",
        b"\x01" + b"[" * 100_000,
    ],
    ids=lambda data: data[:30].hex() or "nothing",
)
def test_damaged_data_is_undecodable(data: bytes) -> None:
    with pytest.raises(DecodeError):
        codec.loads(data)


# What the formats must go on meaning: a session written by any version is read by every later one.
KEPT = {
    "text": "später",
    "many": [1, -2.5, True, None, 1 << 70, math.inf],
    "t": (1, (2,)),
    "s": {3},
    "f": frozenset({"a"}),
    "d": {(1, 2): date(2030, 1, 2)},
    "when": datetime(2030, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - naive times are kept, too
    "time": time(1, 2, 3),
    "delta": timedelta(days=-1, seconds=5, microseconds=7),
    "id": UUID(int=7),
    "price": Decimal("9.50"),
}
PAYLOAD = {"values": KEPT, "deadline": datetime(2030, 1, 1, tzinfo=UTC)}

VERSION_1 = (
    b'\x01{"values":{"!dict":[["text","sp\xc3\xa4ter"],["many",[1,-2.5,true,null,{"!int":"0x400000000000000000"},'
    b'{"!float":"inf"}]],["t",{"!tuple":[1,{"!tuple":[2]}]}],["s",{"!set":[3]}],["f",{"!frozenset":["a"]}],'
    b'["d",{"!dict":[[{"!tuple":[1,2]},{"!date":"2030-01-02"}]]}],["when",{"!datetime":"2030-01-02T03:04:05.000006"}],'
    b'["time",{"!time":"01:02:03"}],["delta",{"!timedelta":[-1,5,7]}],'
    b'["id",{"!uuid":"00000000-0000-0000-0000-000000000007"}],["price",{"!decimal":"9.50"}]]},'
    b'"deadline":{"!datetime":"2030-01-01T00:00:00+00:00"}}'
)
VERSION_2 = bytes.fromhex(
    "0282a676616c7565738ba474657874a77370c3a4746572a46d616e799601cbc004000000000000c3c0c70905400000000000"
    "000000cb7ff0000000000000a174c706019201d5019102a173d5029103a166c7030391a161a164c715049192c70301920102"
    "c70a08323033302d30312d3032a47768656ec71a07323033302d30312d30325430333a30343a30352e303030303036a47469"
    "6d65d70930313a30323a3033a564656c7461d60a93ff0507a26964d80b00000000000000000000000000000007a570726963"
    "65d60c392e3530a8646561646c696e65d6ff70dbd880"
)


@pytest.mark.parametrize("data", [VERSION_1, VERSION_2], ids=["1", "2"])
def test_every_version_stays_readable(data: bytes) -> None:
    assert shape(codec.loads(data)) == shape(PAYLOAD)


def test_the_newest_version_is_written() -> None:
    assert codec.dumps(PAYLOAD) == VERSION_2


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


@dataclass
class Line:
    count: int = 1


@pytest.mark.parametrize(
    "value",
    [
        *(Cart(), Line(), object(), len, iter(()), bytearray(b"x"), memoryview(b"x"), 1j),
        *(Cart, str, Word, Markup),  # classes, which have the methods of their instances
    ],
)
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(EncodeError, match="not a type that a session can hold"):
        round_trip(value)


def test_mocks_have_every_method_and_are_refused_too() -> None:
    for mock in (Mock(), MagicMock(), Mock(spec=str), Mock(spec=Lazy)):
        with pytest.raises(EncodeError, match="not a type that a session can hold"):
            round_trip(mock)


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


class Lazy:
    """As Flask-Babel's LazyString: whatever it is asked for it takes from the text that it makes then."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __getattr__(self, name: str) -> Any:
        return getattr(str(self), name)


class Field:
    """As fields of WTForms: rendered by a template engine."""

    def __html__(self) -> str:
        return Markup("<input>")


class Link(Field):
    def __str__(self) -> str:
        return "link"


def lazy_texts() -> dict[str, Any]:
    from babel.support import LazyProxy
    from django.utils.functional import lazy, lazystr
    from django.utils.safestring import mark_safe
    from pyramid.i18n import TranslationString

    return {
        "Django, translation": lazy(lambda text: text, str)("später"),  # as gettext_lazy is made
        "Django, lazystr": lazystr("später"),
        "Django, safe": lazy(lambda: mark_safe("später"), str)(),
        "Babel": LazyProxy(lambda: "später"),
        "Babel, markup": LazyProxy(lambda: Markup("später")),
        "Pyramid": TranslationString("später"),
        "Flask-Babel's way": Lazy("später"),
        "MarkupSafe": Markup("später"),
    }


def test_markup_and_lazy_strings_become_text() -> None:
    texts = lazy_texts()
    back = round_trip(texts)
    assert back == dict.fromkeys(texts, "später")
    assert {type(text) for text in back.values()} == {str}


def test_what_renders_itself_is_kept_as_its_text_or_as_its_html() -> None:
    assert round_trip([Field(), Link()]) == ["<input>", "link"]


def test_what_renders_itself_as_no_text_is_refused() -> None:
    class Odd:
        def __html__(self) -> int:
            return 7

    with pytest.raises(EncodeError, match="not a type that a session can hold"):
        round_trip(Odd())


@pytest.mark.parametrize("keys", [(Lazy("x"), "x"), ((Lazy("x"), 1), ("x", 1))], ids=["text", "tuple"])
def test_two_keys_that_would_become_one_are_refused(keys: tuple[Any, Any]) -> None:
    with pytest.raises(EncodeError, match="two of its keys would be stored as the same one") as caught:
        codec.dumps({"values": {"k": dict.fromkeys(keys, 1)}})
    assert caught.value.path == "session['k']"


def test_equal_texts_in_a_set_become_one() -> None:
    assert round_trip({Lazy("x"), "x"}) == {"x"}


def test_subclasses_come_back_as_their_base() -> None:
    back = round_trip([OrderedDict(a=1), defaultdict(int, b=2)])
    assert [type(item) for item in back] == [dict, dict]


def test_a_subclass_that_writes_itself_differently_comes_back_all_the_same() -> None:
    class Day(date):
        def isoformat(self) -> str:
            return "02.01.2030"

    class Hour(time):
        def isoformat(self, timespec: str = "auto") -> str:
            return "noon"

    class Moment(datetime):
        def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
            return "now"

    class Money(Decimal):
        def __str__(self) -> str:
            return "EUR 9.50"

    class Number(int):
        def __int__(self) -> int:
            return 0

    class Ratio(float):
        def __float__(self) -> float:
            return 0.0

    class Blob(bytes):
        def __bytes__(self) -> bytes:
            return b""

    class Name(str):
        def __str__(self) -> str:
            return ""

    summer = timezone(timedelta(hours=2))
    values = [
        *(Day(2030, 1, 2), Hour(12, 30), Moment(2030, 1, 2, 3), Moment(2030, 1, 2, 3, tzinfo=summer)),
        *(Moment(2030, 1, 2, 3, tzinfo=UTC), Money("9.5"), Number(7), Ratio(1.5), Blob(b"x"), Name("x")),
    ]
    back = round_trip(values)
    assert back == values
    assert [type(value) for value in back] == [
        *(date, time, datetime, datetime, datetime, Decimal, int, float, bytes, str)
    ]


@pytest.mark.parametrize(
    "value",
    [datetime(2025, 10, 26, 2, 30, fold=1), time(2, 30, fold=1)],  # noqa: DTZ001 - naive ones are meant
    ids=["datetime", "time"],
)
def test_the_second_of_two_equal_times_is_kept(value: Any) -> None:
    assert (round_trip(value), round_trip(value).fold) == (value, 1)
    assert round_trip(value.replace(fold=0)).fold == 0
    berlin = round_trip(datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")))
    assert berlin.utcoffset() == timedelta(hours=1)


class Nowhere(tzinfo):
    def utcoffset(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> str:
        return "nowhere"

    dst = utcoffset


@pytest.mark.parametrize(
    "value",
    [time(12, tzinfo=ZoneInfo("Europe/Berlin")), datetime(2030, 1, 1, tzinfo=Nowhere())],
    ids=["time", "datetime"],
)
def test_a_zone_without_an_offset_is_refused_and_not_forgotten(value: Any) -> None:
    with pytest.raises(EncodeError, match="has no offset by itself"):
        round_trip(value)


def test_a_time_of_day_keeps_its_offset() -> None:
    noon = time(12, tzinfo=timezone(timedelta(hours=2)))
    assert (round_trip(noon), round_trip(noon).utcoffset()) == (noon, timedelta(hours=2))


class Point(NamedTuple):
    x: int


def test_a_named_tuple_comes_back_as_a_tuple() -> None:
    assert type(round_trip(Point(1))) is tuple


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(0), "Z"), ZoneInfo("UTC")], ids=["UTC", "Z", "Etc"])
def test_every_spelling_of_utc_is_one(zone: tzinfo) -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, 6, zone)
    assert round_trip(moment).tzinfo is UTC
    assert codec.dumps({"": moment}) == codec.dumps({"": round_trip(moment)})


def test_a_zone_is_kept_as_its_offset() -> None:
    moment = datetime(2030, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    back = round_trip(moment)
    assert (back, back.utcoffset()) == (moment, timedelta(hours=2))


NESTS: dict[str, Callable[[Any], Any]] = {
    "list": lambda x: [x],
    "tuple": lambda x: (x,),
    "dict": lambda x: {"x": x},
    "pairs": lambda x: {(1,): x},
}


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS.keys())
def test_containers_may_be_nested_up_to_a_limit(nest: Callable[[Any], Any]) -> None:
    deep: Any = "core"
    for _ in range(99):
        deep = nest(deep)
    assert round_trip(deep) == deep
    with pytest.raises(EncodeError, match="nested deeper than 100 levels"):
        round_trip(nest(nest(nest(deep))))


@pytest.mark.parametrize("wrap", [lambda loop: loop, lambda loop: (loop,)], ids=["list", "tuple"])
def test_a_value_that_contains_itself_is_refused(wrap: Callable[[Any], Any]) -> None:
    loop: list[Any] = []
    loop.append(wrap(loop))
    with pytest.raises(EncodeError, match="nested deeper than 100 levels") as caught:
        round_trip(loop)
    assert len(str(caught.value)) < 400


def test_the_size_limit_is_exact() -> None:
    size = len(codec.dumps({"values": {"k": "x" * 1000}}))
    assert MsgpackCodec(max_bytes=size).dumps({"values": {"k": "x" * 1000}})
    with pytest.raises(
        SessionTooLarge, match=f"{size} bytes when encoded, the limit is {size - 1}"
    ) as caught:
        MsgpackCodec(max_bytes=size - 1).dumps({"values": {"k": "x" * 1000}})
    assert (caught.value.size, caught.value.limit) == (size, size - 1)


def test_the_default_limit_is_64_kib() -> None:
    assert MsgpackCodec().max_bytes == 65536
    with pytest.raises(ValueError, match="max_bytes must be positive, not 0"):
        MsgpackCodec(max_bytes=0)


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
