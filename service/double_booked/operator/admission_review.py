"""Validates an AdmissionReview (admission.k8s.io/v1) before anything else reads it.

The API server has validated the objects of the reviews that it sends. This module does not rely on
that: names become part of URLs and messages, and each calendar may cost a request.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from double_booked.operator.objects import GROUP, VERSION

MAX_NAMES = 16
"""Maximum number of calendars of a booking, and of bookings that it replaces, as in the CRD."""

OPERATIONS = ("CREATE", "UPDATE")

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_NAMESPACE = re.compile(_LABEL, re.ASCII)
_VERSION = re.compile(r"[0-9]{0,20}", re.ASCII)
_MAX_NAME, _MAX_NAMESPACE = 253, 63
_MAX_GENERATION = 2**63

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)


class InvalidReviewError(ValueError):
    """A request is not a valid review; the message names the field and its constraint."""


def parse_review(content: bytes, kind: str) -> dict[str, Any]:
    """Parse a review; return only the fields that the operator uses, all of the right type.

    Args:
        content: The body of the request.
        kind: The plural of the reviewed kind, from the URL.

    Raises:
        InvalidReviewError: It is not a valid review.
    """
    try:
        review = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidReviewError(f"the body is not JSON: {type(error).__name__}") from error
    request = _mapping(_mapping(review, "the body").get("request"), "request")
    operation = request.get("operation")
    if operation not in OPERATIONS:
        raise InvalidReviewError("request.operation must be CREATE or UPDATE")
    old = request.get("oldObject")
    if operation == "UPDATE" and old is None:
        raise InvalidReviewError("request.oldObject is missing in an UPDATE")
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": _uid(request),
            "resource": {"group": GROUP, "version": VERSION, "resource": kind},
            "operation": operation,
            "userInfo": _user(request.get("userInfo")),
            "dryRun": request.get("dryRun") is True,
            "object": _object(request.get("object"), "request.object"),
            "oldObject": None if old is None else _object(old, "request.oldObject"),
        },
    }


def _object(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Parse the metadata and the spec of an object; a review needs no status."""
    mapping = _mapping(raw, where)
    spec = _mapping(mapping.get("spec", {}), f"{where}.spec")
    for field in ("calendars", "replaces"):
        _check_names(spec.get(field), f"{where}.spec.{field}")
    metadata = _metadata(mapping.get("metadata"), f"{where}.metadata")
    return {"metadata": metadata, "spec": spec}


def _metadata(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    mapping = _mapping(raw, where)
    metadata = {name: mapping[name] for name in _METADATA if mapping.get(name) is not None}
    for name in metadata.keys() - {"generation"}:
        _text(metadata, name, where)
    name, namespace = metadata.get("name", ""), metadata.get("namespace", "")
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise InvalidReviewError(f"{where}.name must be a DNS subdomain of at most {_MAX_NAME}")
    if len(namespace) > _MAX_NAMESPACE or not _NAMESPACE.fullmatch(namespace):
        raise InvalidReviewError(
            f"{where}.namespace must be a DNS label of at most {_MAX_NAMESPACE}"
        )
    if not _VERSION.fullmatch(metadata.get("resourceVersion", "")):
        raise InvalidReviewError(f"{where}.resourceVersion must be a number in a string")
    generation = metadata.get("generation", 0)
    if type(generation) is not int or not 0 <= generation < _MAX_GENERATION:
        raise InvalidReviewError(f"{where}.generation must be a number from 0 on")
    return metadata


def _check_names(names: Any, where: str) -> None:  # noqa: ANN401 - any JSON
    if names is None:
        return
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        raise InvalidReviewError(f"{where} must be a list of at most {MAX_NAMES} names")
    for name in names:
        if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
            raise InvalidReviewError(f"{where} must be DNS subdomains of at most {_MAX_NAME}")


def _user(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    where = "request.userInfo"
    user = _mapping_or_none(raw, where)
    extra = _mapping_or_none(user.get("extra"), f"{where}.extra")
    return {
        "username": _text(user, "username", where),
        "uid": _text(user, "uid", where),
        "groups": _texts(user.get("groups"), f"{where}.groups"),
        "extra": {name: _texts(values, f"{where}.extra") for name, values in extra.items()},
    }


def _uid(request: Mapping[str, Any]) -> str:
    uid = _text(request, "uid", "request")
    if not uid:
        raise InvalidReviewError("request.uid is missing")
    return uid


def _texts(raw: Any, where: str) -> list[str]:  # noqa: ANN401 - any JSON
    texts = [] if raw is None else raw
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidReviewError(f"{where} must be a list of strings")
    return texts


def _text(mapping: Mapping[str, Any], name: str, where: str) -> str:
    text = mapping.get(name, "")
    if not isinstance(text, str):
        raise InvalidReviewError(f"{where}.{name} must be a string")
    return text


def _mapping_or_none(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {} if raw is None else _mapping(raw, where)


def _mapping(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    if not isinstance(raw, dict):
        raise InvalidReviewError(f"{where} must be an object")
    return raw
