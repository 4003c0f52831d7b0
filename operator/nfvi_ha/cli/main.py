"""The command ``nfvi-ha``: one entry point for every process and tool."""

from typing import Annotated

import typer

from nfvi_ha import __version__
from nfvi_ha.cli import agent as agent_commands
from nfvi_ha.cli import operator as operator_commands
from nfvi_ha.cli import sentinel as sentinel_commands
from nfvi_ha.cli.plugins import PluginGroup
from nfvi_ha.reporting.receiver.command import receiver_command


def build() -> typer.Typer:
    """The application with all commands that are installed."""
    app = typer.Typer(
        name="nfvi-ha",
        cls=PluginGroup,
        help="High availability for KubeVirt VMs: failures told to the VIM within a second, VMs replaced on evidence.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.add_typer(operator_commands.build(), name="operator")
    app.add_typer(sentinel_commands.build(), name="sentinel")
    app.add_typer(agent_commands.build(), name="agent")
    app.command("receiver", help="Run a VIM receiver: verifies, prints and stores notifications.")(receiver_command)
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
