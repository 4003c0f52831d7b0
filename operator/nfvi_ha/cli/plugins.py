"""Commands of layers above the command line (the lab): found by entry point, loaded only when they are asked for.

A broken or missing plugin must never keep the operator from starting, nor cost it the time to import a lab.
"""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperGroup

GROUP: Final = "nfvi_ha.commands"


class PluginGroup(TyperGroup):
    """The root command: its own commands, then those of plugins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names."""
        return [*super().list_commands(ctx), *sorted(_plugins())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Our own command of that name, else a plugin's."""
        own = super().get_command(ctx, cmd_name)
        plugin = _plugins().get(cmd_name) if own is None else None
        return own if plugin is None else _load(plugin)


def _plugins() -> dict[str, EntryPoint]:
    return {plugin.name: plugin for plugin in entry_points(group=GROUP)}


def _load(plugin: EntryPoint) -> Any:
    try:
        command: Any = typer.main.get_command(plugin.load())
    except ModuleNotFoundError as missing:
        return _unavailable(plugin.name, _reason(plugin.name, missing))
    command.name = plugin.name
    command.invoke = _explaining(plugin.name, command.invoke)
    return command


def _explaining(name: str, invoke: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A plugin imports most of itself only when it runs: a package that is missing then is explained, too."""

    def explained(context: Any) -> Any:
        try:
            return invoke(context)
        except ModuleNotFoundError as missing:
            _refuse(name, _reason(name, missing))

    return explained


def _reason(name: str, missing: ModuleNotFoundError) -> str:
    """What to install; a module of our own that is missing is no question of extras, and is raised again."""
    if (missing.name or "").startswith("nfvi_ha"):
        raise missing
    return f"needs the Python package {missing.name!r}: pip install 'nfvi-ha[{name}]'"


def _unavailable(name: str, reason: str) -> Any:
    """Stands for a command whose extra is not installed: says what to install."""

    def fail() -> None:
        _refuse(name, reason)

    app = typer.Typer(help=f"(not installed: {reason})")
    app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(fail)
    command = typer.main.get_command(app)
    command.name = name
    return command


def _refuse(name: str, reason: str) -> NoReturn:
    typer.echo(f"nfvi-ha: {name} {reason}", err=True)
    raise typer.Exit(1)
