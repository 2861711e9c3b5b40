"""Valid reviews are parsed, and invalid ones are rejected with the field that is wrong."""

import json
from typing import Any

import pytest

from double_booked.operator.admission_review import InvalidReviewError, parse_review

from .factories import raw_booking, raw_calendar

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")

Raw = dict[str, Any]


def review(raw: Any, **request: Any) -> bytes:
    whole = {"uid": "1", "operation": "CREATE", "object": raw} | request
    return json.dumps({"request": whole}).encode()


def parsed(raw: Any, **request: Any) -> Raw:
    parsed: Raw = parse_review(review(raw, **request), "bookings")["request"]
    return parsed


def booking(spec: Any = None, **metadata: Any) -> Raw:
    raw = raw_booking("a", *NINE, spec=spec)
    raw["metadata"] |= metadata
    return raw


def test_parsing_keeps_only_the_fields_that_are_used() -> None:
    raw = booking(labels={"a": "b"}) | {"status": {"conditions": 7}}
    reviewed = parsed(raw, userInfo={"username": "ada", "groups": ["x"]}, dryRun=True, options=7)
    assert reviewed["object"]["spec"] == raw["spec"]
    assert reviewed["object"].keys() == {"metadata", "spec"}
    assert "labels" not in reviewed["object"]["metadata"]
    assert reviewed["userInfo"] == {"username": "ada", "uid": "", "groups": ["x"], "extra": {}}
    assert reviewed["dryRun"] is True
    assert reviewed["oldObject"] is None
    assert reviewed["resource"]["resource"] == "bookings"


def test_an_update_has_both_objects() -> None:
    reviewed = parsed(booking(), operation="UPDATE", oldObject=booking(generation=7))
    assert reviewed["oldObject"]["metadata"]["generation"] == 7


def test_a_review_of_a_calendar_is_parsed() -> None:
    content = review(raw_calendar(capacity=2))
    parsed = parse_review(content, "calendars")["request"]
    assert parsed["object"]["spec"] == {"capacity": 2}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"no json", b"[]", b"7", b"null", b"{}", b"\xff"),
        *(b"[" * 100_000, b'{"a":' * 100_000),
        *(b'{"request": []}', b'{"request": ' + b"9" * 5000 + b"}"),
    ],
)
def test_a_body_without_a_request_object_is_rejected(content: bytes) -> None:
    with pytest.raises(InvalidReviewError):
        parse_review(content, "bookings")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "a%2fb",
        "A",
        "-a",
        "a-",
        "a..b",
        "a\n",
        "a?b",
        "\u0661",
        "x" * 254,
    ],
)
def test_names_that_are_invalid_in_kubernetes_are_rejected(name: str) -> None:
    for raw in (
        booking(name=name),
        booking(namespace=name),
        booking({"calendars": [name]}),
        booking({"replaces": [name]}),
    ):
        with pytest.raises(InvalidReviewError):
            parsed(raw)
        with pytest.raises(InvalidReviewError):
            parsed(booking(), operation="UPDATE", oldObject=raw)


def test_a_namespace_must_be_a_dns_label() -> None:
    for namespace in ("a.b", "x" * 64, "../../../../api/v1/namespaces/team/secrets/webhook?a="):
        with pytest.raises(InvalidReviewError, match="namespace must be a DNS label"):
            parsed(booking(namespace=namespace))


@pytest.mark.parametrize("field", ["calendars", "replaces"])
def test_more_than_sixteen_names_are_rejected(field: str) -> None:
    names = [f"c{number}" for number in range(16)]
    parsed(booking({field: names}))
    with pytest.raises(InvalidReviewError, match=f"spec.{field} must be a list of at most 16"):
        parsed(booking({field: [*names, "one-more"]}))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        "a",
        {},
        {"metadata": []},
        booking() | {"spec": []},
        booking() | {"spec": "x"},
        booking() | {"spec": None},
        booking({"calendars": "staging"}),
        booking({"calendars": [7]}),
        booking({"calendars": {}}),
        booking(generation="x"),
        booking(generation=True),
        booking(generation=-1),
        booking(generation=2**63),
        booking(resourceVersion="x"),
        booking(resourceVersion=7),
        booking(resourceVersion="9" * 21),
        booking(uid=7),
        booking(name=7),
        booking(namespace=None),
        booking(creationTimestamp=7),
        booking(deletionTimestamp=[]),
    ],
)
def test_an_object_with_fields_of_wrong_types_is_rejected(raw: Any) -> None:
    with pytest.raises(InvalidReviewError, match=r"request\.object"):
        parsed(raw)


@pytest.mark.parametrize(
    "request_",
    [
        {"uid": ""},
        {"uid": 7},
        {"operation": "DELETE"},
        {"operation": ["CREATE"]},
        {"operation": "UPDATE"},
        {"operation": "UPDATE", "oldObject": []},
        {"oldObject": 7},
        {"userInfo": "ada"},
        {"userInfo": {"username": 7}},
        {"userInfo": {"groups": "x"}},
        {"userInfo": {"groups": [7]}},
        {"userInfo": {"extra": []}},
        {"userInfo": {"extra": {"a": "b"}}},
    ],
)
def test_a_request_with_fields_of_wrong_types_is_rejected(request_: Raw) -> None:
    with pytest.raises(InvalidReviewError, match="request"):
        parsed(booking(), **request_)
