"""The commands for a desktop: ``desktop``, ``thumbnail``, ``completion``."""

from __future__ import annotations

from pathlib import Path

import click

from .. import console, jobs


@click.command()
@click.option("--install/--uninstall", default=None, help="Put the files into your home, or take them out again.")
def desktop(install) -> None:
    """Make your desktop know .svae files: their type, what `file` says of them, and thumbnails.

    Everything goes into your home (XDG_DATA_HOME, ~/.magic), and --uninstall removes exactly that.
    """
    from . import integration

    if install is None:
        raise click.UsageError("give --install or --uninstall")
    lines = integration.install() if install else integration.uninstall()
    for line in lines or ["nothing is installed"]:
        console.say(line)


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("-s", "--size", type=click.IntRange(1, 4096), default=256, show_default=True, help="Pixels a side.")
def thumbnail(source, target, size) -> None:
    """Write a PNG thumbnail of the file IN: what file managers call, and quick, since coarse levels are enough."""
    from ...pictures import files
    from .. import thumbnail as small

    jobs.refuse_input(source, target)
    with console.about(source):
        content = small.make(source, size)
    if target.is_file():
        target.write_bytes(content)  # Tumbler holds it open, and would not see another in its place
        return
    with files.Output(target) as out:
        out.write(content)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("--install/--uninstall", default=None, help="Put it where the shell looks, or take it out again.")
@click.pass_context
def completion(ctx, shell, install) -> None:
    """Print the code that completes this program's commands and options in SHELL, or install it."""
    from . import shells

    root = ctx.find_root()
    code = shells.code(root.command, shell)
    if install is None:
        click.echo(code)
        return
    for line in shells.install(shell, code) if install else shells.uninstall(shell):
        console.say(line)
