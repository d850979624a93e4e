"""`wingbeat picture`: the worked example of every picture, as a file."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path

import wingbeat as wb
from wingbeat.cli._gallery import EXAMPLES, gallery
from wingbeat.errors import BadInput

_ALL = "gallery"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `wingbeat picture`."""
    known = "\n".join(f"  {name:<15} {inspect.getdoc(f)}" for name, f in EXAMPLES.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"pictures:\n{known}\n  {_ALL:<15} All of them, with a page that shows them."
    parser.add_argument("name", help="which picture, of those below")
    parser.add_argument(
        "--to", metavar="FILE", help="NAME.svg by default; .svg or .png; for the gallery a folder"
    )
    parser.add_argument("--language", default="en", help="of the labels: en or zh (简体中文)")


def run(args: argparse.Namespace) -> int:
    """Draw; returns the exit status.

    Raises:
        BadInput: there is no such picture, or it cannot be written.
    """
    if args.name == _ALL:
        folder = Path(args.to or _ALL)
        for file, text in gallery():
            wb.train.write_file(folder / file, text.encode())
        print(folder / "gallery.md")
        return 0
    if args.name not in EXAMPLES:
        raise BadInput(f"picture: {args.name!r} is none of {', '.join(EXAMPLES)}, {_ALL}")
    path = Path(args.to or f"{args.name}.svg")
    wb.pictures.ending(path)  # before anything is computed
    picture = EXAMPLES[args.name](args.language)
    picture.save(path)
    print(f"{path}: {picture.description}")
    return 0
