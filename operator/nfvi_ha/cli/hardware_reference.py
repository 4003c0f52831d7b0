"""The reference page of the hardware probe's rules."""

from nfvi_ha.core.hardware.rule import Lasting, Rule, Source
from nfvi_ha.core.hardware.rules import RULES

_HEAD = (
    "| cause | component | sign | told when | fault | severity | stands | advice |\n|---|---|---|---|---|---|---|---|\n"
)


def hardware_page() -> str:
    """Every rule, by where it looks."""
    parts = [
        "# Hardware rules\n",
        "What the agent's hardware probe sees, and what it makes of it. [Hardware](../howto/hardware.md) says how to "
        "set it up. Rates can be set by the rule's name (`probes.hardware.rates`). Patterns of the kernel log match "
        "from the line's beginning; the first that matches counts.\n",
    ]
    for source in Source:
        rows = [_row(rule) for rule in RULES if rule.source is source]
        parts.append(f"## {source.value[0].upper()}{source.value[1:]}\n\n{_HEAD}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _row(rule: Rule) -> str:
    kind = "counted only" if rule.kind is None else f"`{rule.kind.value}`"
    severity = "-" if rule.kind is None else rule.severity.value
    stands = "-" if rule.kind is None else _stands(rule)
    component = rule.component.replace("{", "<").replace("}", ">")
    cells = (f"`{rule.name}`", f"`{component}`", rule.sign, str(rule.rate or "seen once"), kind, severity, stands)
    # A bar would end the cell, even within backquotes.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (*cells, rule.advice or "-")) + " |"


def _stands(rule: Rule) -> str:
    if rule.lasting is Lasting.HELD:
        minutes = int(rule.hold_seconds // 60)
        text = f"{minutes // 1440} day" if minutes % 1440 == 0 else f"{minutes} minutes"
        return f"{text} after the last one"
    return rule.lasting.value
