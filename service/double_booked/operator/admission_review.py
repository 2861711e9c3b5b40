"""What an AdmissionReview (admission.k8s.io/v1) must be like before anything acts on it.

The API server has validated the objects of the reviews that it sends. Nothing here relies on that:
names go into URLs and messages, and each calendar costs a look.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from double_booked.operator.objects import GROUP, VERSION

MAX_NAMES = 16
"""How many calendars a booking may be on, and how many bookings it may replace, as in the CRD."""

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
    """A request is no review; the message names the field, and says what it must be."""


def parse_review(content: bytes, kind: str) -> dict[str, Any]:
    """Return the parts of a review that are used, each of them of the right type.

    Args:
        content: JSON.
        kind: The kind that is asked about, as in a URL.

    Raises:
        InvalidReviewError: It is no review of the kind.
    """
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidReviewError(f"the body is not JSON: {type(error).__name__}") from error
    request = _mapping(_mapping(whole, "the body").get("request"), "request")
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
    """Return the metadata and the spec of an object; a review needs no status."""
    found = _mapping(raw, where)
    spec = _mapping(found.get("spec", {}), f"{where}.spec")
    for field in ("calendars", "replaces"):
        _check_names(spec.get(field), f"{where}.spec.{field}")
    metadata = _metadata(found.get("metadata"), f"{where}.metadata")
    return {"metadata": metadata, "spec": spec}


def _metadata(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    found = _mapping(raw, where)
    metadata = {name: found[name] for name in _METADATA if found.get(name) is not None}
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
    found = _mapping_or_none(raw, where)
    extra = _mapping_or_none(found.get("extra"), f"{where}.extra")
    return {
        "username": _text(found, "username", where),
        "uid": _text(found, "uid", where),
        "groups": _texts(found.get("groups"), f"{where}.groups"),
        "extra": {name: _texts(each, f"{where}.extra") for name, each in extra.items()},
    }


def _uid(request: Mapping[str, Any]) -> str:
    uid = _text(request, "uid", "request")
    if not uid:
        raise InvalidReviewError("request.uid is missing")
    return uid


def _texts(raw: Any, where: str) -> list[str]:  # noqa: ANN401 - any JSON
    found = [] if raw is None else raw
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InvalidReviewError(f"{where} must be a list of strings")
    return found


def _text(of: Mapping[str, Any], name: str, where: str) -> str:
    found = of.get(name, "")
    if not isinstance(found, str):
        raise InvalidReviewError(f"{where}.{name} must be a string")
    return found


def _mapping_or_none(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {} if raw is None else _mapping(raw, where)


def _mapping(raw: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    if not isinstance(raw, dict):
        raise InvalidReviewError(f"{where} must be an object")
    return raw
