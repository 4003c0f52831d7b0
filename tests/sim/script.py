"""Command files: a list of commands in, a log out. What the commands do, each simulated world says itself."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar


class Script:
    """Runs commands. Each command is a method ``do_<command>``; its docstring is its help."""

    silent_commands: ClassVar[frozenset[str]] = frozenset({"run"})
    """Commands that the log does not show."""

    def say(self, who: str, what: str) -> None:
        """Write a line of the log."""
        raise NotImplementedError

    def finish(self) -> list[str]:
        """What must hold at the end is checked; the whole log is given back."""
        raise NotImplementedError

    def run(self, text: str) -> list[str]:
        """The log of the commands, one a line, and the state at the end."""
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                self.do(*words)
        return self.finish()

    def do(self, command: str, *arguments: str) -> None:
        """One command: positional arguments, then ``name=value``."""
        positional = [argument for argument in arguments if "=" not in argument]
        named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
        if command not in self.silent_commands:
            self.say("user", " ".join((command, *arguments)))
        method: Callable[..., None] = getattr(self, f"do_{command.replace('-', '_')}")
        method(*positional, **named)


def scenario_names(folder: Path) -> list[str]:
    """Those in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir() if (path / "commands").is_file())


def run_scenario(script: Script, path: Path) -> str:
    """The log of the scenario in a folder, as it is compared with its expected.log."""
    return "\n".join(script.run((path / "commands").read_text())) + "\n"
