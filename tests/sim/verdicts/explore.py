"""``python -m tests.sim.verdicts.explore``: random histories until one breaks; prints its seed and shortest form.

What is printed can be kept as the ``commands`` of a scenario, or be tried again with ``--seed``.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Final

from .explorer import broken, draw, shrink

REPORT_EVERY: Final = 100


def main() -> int:
    parser = argparse.ArgumentParser(description="Try random histories of hosts, networks and sentinels")
    parser.add_argument("--histories", type=int, default=5000, help="how many to try")
    parser.add_argument("--seed", type=int, help="try this one only")
    parser.add_argument("--first", type=int, help="try seeds from this one on instead of random ones")
    options = parser.parse_args()
    for number, seed in enumerate(_seeds(options), 1):
        history = draw(seed)
        if broken(history):
            shortest = shrink(history)
            print(f"# seed {seed}: {broken(shortest)}", *shortest, sep="\n")
            return 1
        if number % REPORT_EVERY == 0:
            print(f"{number} histories hold, the last of seed {seed}", flush=True)
    return 0


def _seeds(options: argparse.Namespace) -> Iterator[int]:
    if options.seed is not None:
        yield options.seed
        return
    for number in range(options.histories):
        yield random.SystemRandom().randrange(10**9) if options.first is None else options.first + number


if __name__ == "__main__":
    sys.exit(main())
