"""``python -m tests.sim.verdicts.explore``: try random histories until one breaks, and print what repeats it."""

import argparse
import os
import secrets
import sys
from typing import Final

import pytest

BATCH: Final = 25
"""Histories for each seed: repeating one takes no longer than these."""
TEST: Final = "tests/sim/verdicts/test_explorer.py"


def main() -> int:
    parser = argparse.ArgumentParser(description="Try random histories of hosts, networks and sentinels")
    parser.add_argument("--histories", type=int, default=5000, help="how many to try")
    count: int = parser.parse_args().histories
    seeds = [str(secrets.randbelow(10**9)) for _ in range(-(-count // BATCH))]
    os.environ |= {"NFVI_HA_SIM_SEEDS": " ".join(seeds), "NFVI_HA_SIM_EXAMPLES": str(BATCH)}
    return int(pytest.main([TEST, "--maxfail=1", "-v", "--tb=short", "-p", "no:cacheprovider"]))


if __name__ == "__main__":
    sys.exit(main())
