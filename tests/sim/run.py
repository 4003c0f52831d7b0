"""Print a scenario's log, or write it down as the expected one.

``python -m tests.sim.run NAME [--write]``, with ``--all`` for every scenario, without a name for their list. Those of
the verdicts are named ``verdicts/NAME``.
"""

import argparse
from pathlib import Path

from . import scenario
from .script import Script, run_scenario, scenario_names
from .verdicts import scenario as verdicts

VERDICTS = "verdicts/"


def every_name() -> list[str]:
    return [*scenario_names(scenario.SCENARIOS), *(VERDICTS + name for name in scenario_names(verdicts.SCENARIOS))]


def place(name: str) -> tuple[Script, Path]:
    if name.startswith(VERDICTS):
        return verdicts.VerdictScenario(), verdicts.SCENARIOS / name.removeprefix(VERDICTS)
    return scenario.Scenario(), scenario.SCENARIOS / name


def main() -> None:
    parser = argparse.ArgumentParser(description="Run scenarios in virtual time")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios to run; none: list them")
    parser.add_argument("--all", action="store_true", help="run every scenario")
    parser.add_argument("--write", action="store_true", help="write expected.log instead of printing")
    options = parser.parse_args()
    names = every_name() if options.all else options.names
    if not names:
        print("\n".join(every_name()))
    for name in names:
        script, path = place(name)
        log = run_scenario(script, path)
        if options.write:
            (path / "expected.log").write_text(log)
        else:
            print(f"==== {name}\n{log}")


if __name__ == "__main__":
    main()
