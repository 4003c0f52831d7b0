"""Commands of layers above the command line (the lab): found by entry point, loaded only when they are asked for.

A broken or missing plugin must never keep the operator from starting, nor cost it the time to import a lab.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import click
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
        command = typer.main.get_command(plugin.load())
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("nfvi_ha"):
            raise
        reason = f"needs the Python package {missing.name!r}: pip install 'nfvi-ha[{plugin.name}]'"
        return _unavailable(plugin.name, reason)
    command.name = plugin.name
    return command


def _unavailable(name: str, reason: str) -> click.Command:
    """Stands for a command whose extra is not installed: says what to install."""

    def fail() -> None:
        raise click.ClickException(f"{name} {reason}")

    return click.Command(
        name,
        callback=fail,
        help=f"(not installed: {reason})",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
