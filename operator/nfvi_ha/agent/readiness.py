"""What an agent lacks to do its work."""

from typing import Final

from nfvi_ha.agent.beat_metrics import BeatCollector

ANSWER_SECONDS: Final = 10.0


def missing(beat: BeatCollector) -> list[str]:
    """In words, one line each; empty when beats go out and some sentinel answers them."""
    if not beat.heard:
        return ["the beat process says nothing"]
    lacks = []
    if not beat.status.get("keys"):
        lacks.append("no key yet: the key service was not reached and none is cached")
    seats = beat.status.get("seats", {})
    if not seats:
        lacks.append("no sentinel is known")
    ages = [facts["answerAge"] for facts in seats.values()]
    if seats and not any(age is not None and age < ANSWER_SECONDS for age in ages):
        lacks.append("no sentinel answers")
    return lacks
