"""The handlers that kopf calls; they delegate to the Operator."""

from typing import Any

import kopf
import structlog

from double_booked.operator import cluster
from double_booked.operator.app import Operator
from double_booked.operator.commits import NotAdmittingError
from double_booked.operator.objects import GROUP, VERSION, parse_metadata
from double_booked.operator.reviews import RejectionError
from double_booked.operator.webhook import NOT_ADMITTING

registry = kopf.OperatorRegistry()


@kopf.on.login(registry=registry)
def login(**_: Any) -> kopf.ConnectionInfo:
    """Return the credentials that the rest of the operator uses."""
    return cluster.login()


@kopf.on.startup(registry=registry)
async def start(memo: Operator, settings: kopf.OperatorSettings, **_: Any) -> None:
    """Start the operator, and fill its cache, before kopf listens for reviews."""
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.admission.server = memo.webhook
    await memo.start()


@kopf.on.cleanup(registry=registry)
async def stop(memo: Operator, **_: Any) -> None:
    """Stop the operator, and let another process lead."""
    await memo.stop()


@kopf.on.validate(GROUP, VERSION, "bookings", id="bookings", registry=registry)
async def review_booking(**review: Any) -> None:
    """Admit or reject a write of a booking."""
    await _review(review["memo"].reviewer.review_booking, **review)


@kopf.on.validate(GROUP, VERSION, "calendars", id="calendars", registry=registry)
async def review_calendar(**review: Any) -> None:
    """Admit or reject a write of a calendar; warn if more is booked than it allows."""
    await _review(review["memo"].reviewer.review_calendar, **review)


async def _review(
    reviewer: Any,
    *,
    new: kopf.Body,
    old: kopf.Body | None,
    userinfo: Any,
    dryrun: bool,
    warnings: list[str],
    **_: Any,
) -> None:
    try:
        warnings += await reviewer(new, old, userinfo, dry_run=dryrun)
    except RejectionError as error:
        structlog.get_logger().info(
            "write rejected",
            object=str(parse_metadata(new).key),
            code=error.code,
            reason=str(error),
        )
        raise kopf.AdmissionError(str(error), code=error.code) from error
    except NotAdmittingError as error:
        raise kopf.AdmissionError(str(error), code=NOT_ADMITTING) from error
    except Exception as error:
        # kopf would deny the write without a line in the log; so the failurePolicy decides.
        structlog.get_logger().exception("review failed", object=str(parse_metadata(new).key))
        reason = "the review failed; the operator's log says why"
        raise kopf.AdmissionError(reason, code=NOT_ADMITTING) from error
