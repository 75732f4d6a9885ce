"""The command line: ``srgformer-lab app | train | stop | evaluate | recommend | report | runs | check | lessons | experiment | bench``.

The options of ``train`` are the fields of the configurations of all models, with their meanings and ranges. A setting that several models
have has one option.
"""

import os
import sys
from collections.abc import Sequence

from srgformer_lab.cli.parser import make_parser
from srgformer_lab.errors import LabError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a mistake in the input ends in one line on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["train"]:
        # before torch is loaded: threads that spin while they wait made a training beside busy cores ten times slower
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = make_parser(for_training=arguments[:1] == ["train"]).parse_args(arguments)
    try:
        return options.command(options) or 0
    except LabError as error:
        print(f"srgformer-lab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
