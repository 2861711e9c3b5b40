"""The report document as JSON, for programs."""

import json

from double_booked.view.report_document import ReportDocument


def render(document: ReportDocument) -> str:
    """Return the JSON of a report document, in ASCII; docs/report.schema.json is its schema."""
    return json.dumps(document, default=_fields)


def _fields(part: object) -> dict[str, object]:
    """Return the fields of one of the dataclasses; `asdict` would copy all of them first."""
    return {name: getattr(part, name) for name in type(part).__dataclass_fields__}  # type: ignore[attr-defined]
