"""This process stood still: what it did not hear meanwhile was not silence."""

from nfvi_ha.core.verdict.node import Node


def forgive(node: Node, span_seconds: float, now: float) -> None:
    """Take the span out of all that is measured as silence of this host."""
    node.latest = min(now, node.latest + span_seconds)
    for network, at in node.last.items():
        node.last[network] = min(now, at + span_seconds)
    node.suspect_since = min(now, node.suspect_since + span_seconds)
    proofs = node.proofs
    proofs.served_at = min(now, proofs.served_at + span_seconds)
    proofs.kernel_at = min(now, proofs.kernel_at + span_seconds)
