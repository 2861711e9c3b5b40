"""The traceparent header, as W3C Trace Context specifies it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from double_booked.server.trace_context import TraceParent, parse_traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "is_sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        # Level 2 adds the flag "random"; other bits are reserved and ignored.
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"00-{TRACE}-{SPAN}-fe", False),
        # Future versions have the same fields, and perhaps more.
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"fe-{TRACE}-{SPAN}-00-", False),
    ],
)
def test_parse_traceparent_returns_the_span_of_the_client(value: str, is_sampled: bool) -> None:  # noqa: FBT001 - a parameter
    assert parse_traceparent(value) == TraceParent(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"0A-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01.more",
        f"01-{TRACE}-{SPAN}-011",
        f"0-{TRACE}-{SPAN}-01",
        f"000-{TRACE}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}\N{ARABIC-INDIC DIGIT ONE}-{SPAN}-01",
    ],
)
def test_parse_traceparent_returns_none_for_an_invalid_header(value: str) -> None:
    assert parse_traceparent(value) is None


def identifiers(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@given(
    version=st.integers(0, 254),
    trace_id=identifiers(32),
    span_id=identifiers(16),
    flags=st.integers(0, 255),
    rest=st.text("0123456789abcdef-XYZ _."),
)
@example(version=0, trace_id="1".rjust(32, "0"), span_id="1".rjust(16, "0"), flags=1, rest="")
def test_parse_traceparent_reads_any_valid_header(
    version: int, trace_id: str, span_id: str, flags: int, rest: str
) -> None:
    value = f"{version:02x}-{trace_id}-{span_id}-{flags:02x}"
    expected = TraceParent(trace_id, span_id, flags % 2 == 1)
    assert parse_traceparent(value) == expected
    assert parse_traceparent(f"{value}-{rest}") == (expected if version else None)


@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["00", "01", "ff", TRACE, SPAN, "-", "0" * 32, "\n", "g"])).map(
            "".join
        ),
    )
)
def test_parse_traceparent_accepts_any_text(value: str) -> None:
    parsed = parse_traceparent(value)
    if parsed:
        assert value[3:35] == parsed.trace_id
        assert value[36:52] == parsed.span_id
        assert len(value) == 55 or (value[55] == "-" and not value.startswith("00"))
