"""Notifications as CloudEvents 1.0, structured JSON: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import orjson
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from nfvi_ha.api.stamp import format_stamp
from nfvi_ha.core.fault import Severity
from nfvi_ha.reporting.catalogue import CLOUDEVENT_TYPE_PREFIX
from nfvi_ha.reporting.notification import SCHEMA_ID, Notification, Resource

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"

SEVERITY_NUMBERS: Final[Mapping[Severity, int]] = MappingProxyType(
    {
        Severity.CRITICAL: 21,
        Severity.MAJOR: 17,
        Severity.MINOR: 14,
        Severity.WARNING: 13,
        Severity.CLEARED: 9,
    }
)
"""``severitynumber`` of the CloudEvents severity extension (OpenTelemetry's scale, higher is worse)."""


class _OrjsonFormat(JSONFormat):
    """The library's JSON format written by orjson, with stamps in milliseconds as everywhere else."""

    def write(self, event: BaseCloudEvent) -> bytes:
        attributes = event.get_attributes()
        return orjson.dumps({**attributes, "time": format_stamp(attributes["time"]), "data": event.get_data()})


def source_of(cluster: str) -> str:
    """The CloudEvents ``source``. It names the cluster only: with the id it is what receivers know doubles by."""
    return f"/nfvi-ha/{quote(cluster, safe='')}"


def subject_of(resource: Resource) -> str:
    """The CloudEvents ``subject``, e.g. ``VirtualMachineInstance/tenant-a/web-0-1``."""
    return "/".join(part for part in resource.key if part)


def encode(notification: Notification) -> tuple[bytes, str]:
    """A notification's body and its Content-Type. Made once, sent to every endpoint and in every attempt.

    Raises:
        cloudevents.core.exceptions.CloudEventValidationError: an attribute breaks the CloudEvents rules.
    """
    severity = notification.severity
    subject = subject_of(notification.resource)
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": notification.id,
        "source": source_of(notification.cluster),
        "type": CLOUDEVENT_TYPE_PREFIX + notification.type,
        "subject": subject,
        "time": notification.time,
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_ID,
        # Documented extensions of CloudEvents. A sequence must sort as text, hence the zeros.
        "sequence": f"{notification.sequence:010d}",
        "severitytext": severity.upper(),
        "severitynumber": SEVERITY_NUMBERS[severity],
        "correlationid": notification.incident,
        "partitionkey": subject,
    }
    data = notification.model_dump(mode="json", by_alias=True, exclude_none=True)
    return to_structured(CloudEvent(attributes, data), _OrjsonFormat()).body, CONTENT_TYPE
