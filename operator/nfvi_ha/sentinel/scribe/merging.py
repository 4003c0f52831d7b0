"""What the hot process says of an incident, put behind what is known of it."""

from dataclasses import replace

from nfvi_ha.core.incident import Incident


def merged(known: Incident | None, said: Incident) -> Incident:
    """The known incident with the steps and the evidence that are new in what is said.

    Somebody else (the operator, another seat) may have taken the number of a step meanwhile, or have cleared it: a
    number is never given twice, what is on record is never changed, and nothing follows the clear.
    """
    if known is None:
        return said
    result = known
    for step in said.steps:
        if result.cleared or result.has(step.name, new_vm=step.new_vm):
            continue
        last = result.steps[-1]
        if step.number <= last.number:
            step = replace(step, number=last.number + 1, sequence=result.sequence(last) + 1)
        result = result.with_step(step)
    seen = {(evidence.kind, evidence.source) for evidence in known.evidence}
    new = tuple(evidence for evidence in said.evidence if (evidence.kind, evidence.source) not in seen)
    return replace(result, evidence=(*known.evidence, *new))
