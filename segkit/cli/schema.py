"""Write a JSON Schema of all installed parts, with which editors complete and check configs."""

import argparse
import json
import sys
from pathlib import Path

from segkit.cli._arguments import add_plugin_argument, run_plugins_of
from segkit.cli._types import not_empty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=not_empty, metavar="FILE", help="the file to write (default: print it)")
    add_plugin_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from segkit.config.json_schema import json_schema
    from segkit.runtime.writing import replace_file

    run_plugins_of(arguments)
    schema = json_schema(on_broken=lambda error: print(f"left out: {error}", file=sys.stderr))
    text = json.dumps(schema, indent=1, ensure_ascii=False, default=repr) + "\n"
    if arguments.output is None:
        print(text, end="")
    else:
        with replace_file(Path(arguments.output)) as draft:
            draft.write_text(text, encoding="utf-8")
    return 0
