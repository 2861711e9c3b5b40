"""Derives from the webhook configurations whether new Bookings are reviewed.

The operator may run well and receive no reviews: its ValidatingWebhookConfiguration can be
deleted, call another host, trust another authority or select other namespaces.
"""

import base64
import binascii
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from double_booked.operator.objects import GROUP, VERSION, Calendar, Enforcement, RawObject

KINDS = ("bookings", "calendars")
NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server sets on every namespace, with its name."""

_CONDITIONS = {"spec-changes", "not-being-deleted"}
"""The match conditions of the chart, which exclude only writes that need no review."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExpectedWebhook:
    """What the webhook configuration of this operator must contain.

    Attributes:
        configuration: The name of the ValidatingWebhookConfiguration.
        hosts: The names by which the API server reaches this operator.
        certificate: The certificate that the webhook serves, with its chain, PEM; empty before
            the first.
        paths: The secret parts of the paths at which it answers reviews; empty before the first.
    """

    configuration: str
    hosts: Collection[str]
    certificate: bytes
    paths: Collection[str]


@dataclass(frozen=True, slots=True)
class WebhookState:
    """What the webhook configurations of a cluster contain.

    Attributes:
        reason: Why writes are not sent to this operator, as one word; empty if they are sent.
        message: The same as a sentence.
        fails_closed: Whether writes are rejected while no operator answers.
        selectors: The namespaceSelector of each webhook.
        foreign: Webhooks of other configurations for these kinds, with their namespaceSelectors.
    """

    reason: str = ""
    message: str = ""
    fails_closed: bool = True
    selectors: tuple[RawObject, ...] = ()
    foreign: tuple[tuple[str, RawObject], ...] = ()


UNKNOWN = WebhookState("Unknown", "The webhook's configuration has not been read yet.")


def assess(configurations: Iterable[RawObject], expected: ExpectedWebhook) -> WebhookState:
    """Assess whether writes of Calendars and Bookings are sent to this operator.

    Args:
        configurations: All ValidatingWebhookConfigurations, or just this operator's.
        expected: What this operator's must contain.
    """
    own: RawObject | None = None
    foreign: list[tuple[str, RawObject]] = []
    for configuration in configurations:
        if _name(configuration) == expected.configuration:
            own = configuration
        else:
            foreign += _foreign(configuration)
    if own is None:
        text = f"There is no ValidatingWebhookConfiguration {expected.configuration}."
        return WebhookState("WebhookNotFound", text, foreign=tuple(foreign))
    by_kind = {kind: _webhook_for(kind, own) for kind in KINDS}
    webhooks = [webhook for webhook in by_kind.values() if webhook is not None]
    faults = (_fault(kind, webhook, expected) for kind, webhook in by_kind.items())
    fault = next(filter(None, faults), "")
    message = f"ValidatingWebhookConfiguration {expected.configuration}: {fault}."
    return WebhookState(
        "WebhookMisconfigured" if fault else "",
        message if fault else "",
        all(webhook.get("failurePolicy", "Fail") == "Fail" for webhook in webhooks),
        tuple(webhook.get("namespaceSelector") or {} for webhook in webhooks),
        tuple(foreign),
    )


def _name(configuration: RawObject) -> str:
    return str((configuration.get("metadata") or {}).get("name") or "")


def _foreign(configuration: RawObject) -> Iterable[tuple[str, RawObject]]:
    """Yield the webhooks of another configuration that belong to an operator like this one.

    The chart gives them fixed names. Webhooks of policy engines for these kinds do not count.
    """
    names = {f"{kind}.{GROUP}" for kind in KINDS}
    for webhook in configuration.get("webhooks") or ():
        if webhook.get("name") in names:
            name = f"{_name(configuration)}/{webhook['name']}"
            yield name, webhook.get("namespaceSelector") or {}


def _webhook_for(kind: str, configuration: RawObject) -> RawObject | None:
    for webhook in configuration.get("webhooks") or ():
        operations = {
            operation
            for rule in webhook.get("rules") or ()
            if (rule.get("scope") or "*") in {"*", "Namespaced"}
            and _has(rule, "apiGroups", GROUP)
            and _has(rule, "apiVersions", VERSION)
            and _has(rule, "resources", kind)
            for operation in rule.get("operations") or ()
        }
        if "*" in operations or {"CREATE", "UPDATE"} <= operations:
            return dict(webhook)
    return None


def _has(rule: RawObject, field: str, value: str) -> bool:
    return not {"*", value}.isdisjoint(rule.get(field) or ())


def _fault(kind: str, webhook: RawObject | None, expected: ExpectedWebhook) -> str:
    """Return why a webhook does not send all writes of a kind to this operator, else `""`."""
    if webhook is None:
        return f"no webhook is for CREATE and UPDATE of {kind}"
    fault = _client_fault(kind, webhook.get("clientConfig") or {}, expected)
    fault = fault or _selection_fault(webhook)
    return fault and f"webhook {webhook.get('name')} {fault}"


def _client_fault(kind: str, client: RawObject, expected: ExpectedWebhook) -> str:
    """Return why a webhook does not reach this operator; empty if it does."""
    host, path = address_of(client)
    if host not in expected.hosts:
        return f"calls {host}, which is not this operator"
    # The message shows no path: it is a secret.
    if expected.paths and path not in {path_for(kind, secret) for secret in expected.paths}:
        return "calls a path at which this operator does not answer"
    if not expected.certificate:
        return ""  # Before the first certificate, its authority is not in the configuration.
    if not client.get("caBundle"):
        return "has no caBundle"
    if not _verifies(client["caBundle"], expected.certificate):
        return "has a caBundle that does not verify this operator's certificate"
    return ""


def _selection_fault(webhook: RawObject) -> str:
    """Return which writes a webhook leaves out; empty if it leaves out nothing."""
    if any((webhook.get("objectSelector") or {}).values()):
        return "leaves out objects by its objectSelector"
    conditions = {condition.get("name") for condition in webhook.get("matchConditions") or ()}
    if others := sorted(map(str, conditions - _CONDITIONS)):
        return f"leaves out writes by its matchConditions {', '.join(others)}"
    return ""


def path_for(kind: str, secret: str) -> str:
    """Return the path of the URL to which the API server sends reviews of a kind."""
    return f"/{kind}/{secret}"


def address_of(client: RawObject) -> tuple[str, str]:
    """Return the host and the path that a webhook's clientConfig calls."""
    if service := client.get("service"):
        host = f"{service.get('name')}.{service.get('namespace')}.svc"
        return host, service.get("path") or "/"
    try:
        parts = urlsplit(client.get("url") or "")
    except ValueError:
        return "", ""
    return parts.hostname or "", parts.path


def _verifies(bundle: str, certificate: bytes) -> bool:
    """Whether an authority of a bundle issued one of the certificates of a chain."""
    try:
        authorities = x509.load_pem_x509_certificates(base64.b64decode(bundle))
        chain = x509.load_pem_x509_certificates(certificate)
    except (binascii.Error, ValueError):
        return False
    return any(_issued(issuer, leaf) for issuer in authorities for leaf in chain)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return issuer == certificate
    return True


def selects(selector: RawObject, namespace: str, labels: Labels | None) -> bool | None:
    """Whether a namespaceSelector selects a namespace.

    Args:
        selector: A LabelSelector (meta/v1).
        namespace: The namespace's name.
        labels: Its labels; None if only its name is known.

    Returns:
        None if that depends on labels that are unknown.
    """
    known = {**(labels or {}), NAME_LABEL: namespace}
    wanted = [
        {"key": key, "operator": "In", "values": [value]}
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    answers = [
        None if labels is None and term.get("key") not in known else _term_selects(term, known)
        for term in (*wanted, *(selector.get("matchExpressions") or ()))
    ]
    if False in answers:
        return False
    return None if None in answers else True


def _term_selects(term: RawObject, labels: Labels) -> bool | None:
    """Whether labels satisfy a term of a selector; None for an unknown operator."""
    value, values = labels.get(term.get("key", "")), term.get("values") or ()
    match term.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return None


def needs_labels(selectors: Iterable[RawObject]) -> bool:
    """Whether some selectors use labels other than the namespace's name."""
    return any(
        key != NAME_LABEL
        for selector in selectors
        for key in (
            *(selector.get("matchLabels") or {}),
            *(term.get("key") for term in selector.get("matchExpressions") or ()),
        )
    )


def enforcement_of(calendar: Calendar, state: WebhookState, labels: Labels | None) -> Enforcement:
    """Return whether new bookings on a calendar are reviewed, and rejected if no operator answers.

    Args:
        calendar: The calendar.
        state: What the webhook configurations contain.
        labels: The labels of its namespace; None if they are unknown.
    """
    namespace = calendar.metadata.key.namespace
    if not calendar.rules.rejects:
        text = "The policy is Report: bookings over the capacity are admitted with a warning."
        return Enforcement("False", "PolicyReport", text)
    if state.reason == UNKNOWN.reason:
        return Enforcement("Unknown", state.reason, state.message)
    if state.reason:
        text = f"{state.message} New bookings are admitted without a review."
        return Enforcement("False", state.reason, text)
    if not_selected := _not_selected(namespace, state, labels):
        return not_selected
    if not state.fails_closed:
        text = "The failurePolicy is Ignore: bookings are admitted while no operator answers."
        return Enforcement("False", "FailurePolicyIgnore", text)
    return Enforcement("True", "Reviewed", "Each new booking is reviewed before it is stored.")


def _not_selected(namespace: str, state: WebhookState, labels: Labels | None) -> Enforcement | None:
    """Return why a namespace is not selected, or may not be; None if it is."""
    selected = {selects(selector, namespace, labels) for selector in state.selectors}
    if False in selected:
        text = f"The webhook's namespaceSelector does not select namespace {namespace}."
        return Enforcement("False", "NamespaceNotSelected", text)
    if None in selected:
        text = f"The labels of namespace {namespace}, which the webhook selects by, are not known."
        return Enforcement("Unknown", UNKNOWN.reason, text)
    return None


def foreign_webhooks(state: WebhookState, namespaces: Mapping[str, Labels | None]) -> Sequence[str]:
    """Return the foreign webhooks that select one of some namespaces, or may.

    Args:
        state: What the webhook configurations contain.
        namespaces: The labels of each namespace; None if they are unknown.
    """
    return [
        name
        for name, selector in state.foreign
        if any(
            selects(selector, namespace, labels) is not False
            for namespace, labels in namespaces.items()
        )
    ]
