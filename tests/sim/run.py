"""Print a scenario's log, or write it down as the expected one.

``python -m tests.sim.run NAME [--write]``, with ``--all`` for every scenario, without a name for their list.
"""

import argparse

from .scenario import SCENARIOS, run_scenario, scenario_names


def main() -> None:
    parser = argparse.ArgumentParser(description="Run scenarios in virtual time")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios to run; none: list them")
    parser.add_argument("--all", action="store_true", help="run every scenario")
    parser.add_argument("--write", action="store_true", help="write expected.log instead of printing")
    options = parser.parse_args()
    names = scenario_names() if options.all else options.names
    if not names:
        print("\n".join(scenario_names()))
    for name in names:
        log = run_scenario(name)
        if options.write:
            (SCENARIOS / name / "expected.log").write_text(log)
        else:
            print(f"==== {name}\n{log}")


if __name__ == "__main__":
    main()
