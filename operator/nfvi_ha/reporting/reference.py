"""The generated parts of docs/reference: ``python -m nfvi_ha.reporting.reference docs/reference [--check]``."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.ids import incident_id
from nfvi_ha.reporting.catalogue import CATALOGUE, CLOUDEVENT_TYPE_PREFIX
from nfvi_ha.reporting.cloudevent import encode
from nfvi_ha.reporting.notification import SCHEMA_ID, Notification

SCHEMA_FILE: Final = "notification.schema.json"
PAGE: Final = "notifications.md"


def notification_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the ``data`` of every notification."""
    schema = Notification.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


def example() -> Notification:
    """The notification that the reference shows."""
    seen = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    resource = ResourceRef("VirtualMachineInstance", "tenant-a", "web-0-1", "5f0c2a4e-6b1d-4a57-9a0e-2d9c7f1b3e68")
    fault = Fault(
        kind=FaultKind.VM_FAILED,
        resource=resource,
        cause="QemuCrashed",
        message="The VM's process ended with signal 9.",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        detected_at=seen,
        occurred_at=seen.replace(microsecond=0),
        node="worker-1",
        vnf="web",
        slot=0,
        evidence=Evidence(EvidenceKind.PROCESS_GONE, "virt-handler@worker-1", "phase Failed, reason Crashed", seen),
    )
    incident = incident_id(resource, fault.kind, 0)
    return Notification.from_fault(
        fault, incident=incident, episode=0, sequence=42, cluster="site-1", source="operator"
    )


def rendered(page: str) -> dict[str, str]:
    """The generated files by name: the schema, and ``page`` (the current text) with its generated parts renewed.

    Raises:
        ValueError: the page lacks one of its ``<!-- generated: ... -->`` marks.
    """
    body = json.dumps(json.loads(encode(example())[0]), indent=2)
    page = _replaced(page, "types", _types())
    page = _replaced(page, "fields", _fields(notification_schema()))
    page = _replaced(page, "example", f"```json\n{body}\n```")
    return {SCHEMA_FILE: json.dumps(notification_schema(), indent=2, ensure_ascii=False) + "\n", PAGE: page}


def _types() -> str:
    lines = ["| type | state | fault | meaning |", "|---|---|---|---|"]
    for name, info in CATALOGUE.items():
        fault = f"`{info.kind}`" if info.kind else "any"
        lines.append(f"| `{CLOUDEVENT_TYPE_PREFIX}{name}` | {info.state} | {fault} | {info.summary} |")
    return "\n".join(lines)


def _fields(schema: dict[str, Any]) -> str:
    lines: list[str] = []
    for title, part in [
        ("data", schema),
        *((name, schema["$defs"][name]) for name in ("Resource", "EvidenceNote", "Action")),
    ]:
        lines += [f"\n`{title}`:\n", "| field | always | meaning |", "|---|---|---|"]
        required = set(part.get("required", ()))
        for name, field in part["properties"].items():
            text = field.get("description", "")
            lines.append(f"| `{name}` | {'yes' if name in required else ''} | {text} |")
    return "\n".join(lines).strip()


def _replaced(page: str, name: str, text: str) -> str:
    start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    head, found, rest = page.partition(start)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{PAGE} has no {start} ... {end}; put them where the generated text belongs")
    return f"{head}{start}\n{text}\n{end}{tail}"


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` say which of them are not up to date."""
    check = "--check" in arguments
    directory = Path(next(argument for argument in arguments if not argument.startswith("-")))
    stale = []
    for name, text in rendered((directory / PAGE).read_text()).items():
        path = directory / name
        if not path.exists() or path.read_text() != text:
            stale.append(str(path))
            if not check:
                path.write_text(text)
    if check and stale:
        sys.stderr.write(f"not up to date: {', '.join(stale)}; run python -m nfvi_ha.reporting.reference {directory}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
