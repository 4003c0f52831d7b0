"""Deterministic ids: resource + incarnation + fault kind + episode (DESIGN section 4).

Two observers of one fault, or one observer before and after a crash, come to the same id, so a receiver can drop
doubles; the same fault seen again after it was cleared is another episode and gets another id.
"""

import hashlib

from nfvi_ha.core.fault import FaultKind, ResourceRef


def incident_id(resource: ResourceRef, kind: FaultKind, episode: int) -> str:
    """The incident's id, also its object name: e.g. ``vm-failed-1f6ac3...`` (at most 63 characters)."""
    text = "\n".join((resource.kind, resource.namespace, resource.name, resource.uid, kind.value, str(episode)))
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    return f"{kind.value.replace('.', '-')}-{digest}"


def notification_id(incident: str, step: int) -> str:
    """Id of one notification of an incident: step 0 is "raised", 1.. the actions in order and the clear."""
    return f"{incident}.{step}"


def resource_hash(resource: ResourceRef) -> str:
    """A label value that finds all incidents of one resource name, whatever its incarnation (20 hex digits)."""
    text = "\n".join((resource.kind, resource.namespace, resource.name))
    return hashlib.sha256(text.encode()).hexdigest()[:20]
