"""The command ``nfvi-ha``: one entry point for every process and tool."""

from importlib.metadata import entry_points
from typing import Annotated, Final

import typer

from nfvi_ha import __version__
from nfvi_ha.cli import operator as operator_commands
from nfvi_ha.reporting.receiver.command import receiver_command

PLUGINS: Final = "nfvi_ha.commands"
"""Entry-point group by which layers above this one (the lab) bring their commands."""


def build() -> typer.Typer:
    """The application with all commands that are installed."""
    app = typer.Typer(
        name="nfvi-ha",
        help="High availability for KubeVirt VMs: failures told to the VIM within a second, VMs replaced on evidence.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.add_typer(operator_commands.build(), name="operator")
    app.command("receiver", help="Run a VIM receiver: verifies, prints and stores notifications.")(receiver_command)
    for plugin in sorted(entry_points(group=PLUGINS), key=lambda plugin: plugin.name):
        try:
            app.add_typer(plugin.load(), name=plugin.name)
        except ModuleNotFoundError as missing:
            # Installed without that extra: the command is not there, the others are.
            if (missing.name or "").startswith("nfvi_ha"):
                raise
    return app


def main() -> None:
    """Run the command line."""
    build()()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nfvi-ha {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version


if __name__ == "__main__":
    main()
