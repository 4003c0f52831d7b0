"""Endpoints, Secrets and sentinels' Pods as the scribe keeps them. Parsers never raise: bad input harms no other."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.names import ANNOTATION_ADDRESSES, ANNOTATION_ALLOWED_HOSTS
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.reporting.endpoint import Secret
from nfvi_ha.sentinel.scribe.host_view import Addresses, read_addresses

JsonObject = dict[str, Any]
_SEAT: Final = re.compile(r".+-([0-2])")


@dataclass(frozen=True, slots=True)
class EndpointView:
    """A VIMEndpoint, or why it is none."""

    name: str
    model: VIMEndpoint | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SecretView:
    """A Secret, and its JSON as ``reporting.endpoint.Secret.from_object`` reads it. The repr shows no content."""

    secret: Secret
    content: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class SeatView:
    """A sentinel's Pod."""

    pod: str
    seat: int
    addresses: Addresses
    port: int


def endpoint_view(obj: JsonObject) -> EndpointView:
    """A VIMEndpoint; one that must not be acted on has its problem instead of its model."""
    try:
        model = VIMEndpoint.parse(obj)
    except InvalidObject as problem:
        metadata = obj.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return EndpointView(name if isinstance(name, str) else "", None, str(problem))
    return EndpointView(model.metadata.name, model)


def secret_view(obj: JsonObject) -> SecretView:
    """A Secret. Entries that are not base64 are left out."""
    secret = Secret.from_object(obj)
    content = {
        "metadata": {"name": secret.name, "annotations": {ANNOTATION_ALLOWED_HOSTS: secret.allowed_hosts}},
        "data": {key: b64encode(value).decode() for key, value in sorted(secret.data.items())},
    }
    return SecretView(secret, content)


def seat_view(obj: JsonObject) -> SeatView | None:
    """A sentinel's Pod: its seat is the ordinal in its name. None for a Pod that is no seat."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return None
    name, annotations = metadata.get("name"), metadata.get("annotations")
    match = _SEAT.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        return None
    text = annotations.get(ANNOTATION_ADDRESSES) if isinstance(annotations, dict) else None
    return SeatView(match[0], int(match[1]), *read_addresses(text))
