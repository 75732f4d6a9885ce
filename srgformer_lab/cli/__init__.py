"""The command line: ``srgformer-lab``, with a command for each thing to do.

The options of ``train`` are the fields of the configurations of all models, with their meanings and ranges. A setting that several models
have has one option.
"""

import os
import sys
from collections.abc import Sequence

from srgformer_lab.cli.options import in_command_words
from srgformer_lab.cli.parser import make_parser
from srgformer_lab.cli.terminal import say
from srgformer_lab.errors import LabError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a mistake in the input ends in one line on standard error and exit code 2, a file that fails in exit code 1."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["train"]:
        # before torch is loaded: threads that spin while they wait made a training beside busy cores ten times slower
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = make_parser(for_training=arguments[:1] == ["train"]).parse_args(arguments)
    try:
        code = options.command(options) or 0
        sys.stdout.flush()
        return code
    except LabError as error:
        return _said(error, 2)
    except BrokenPipeError:  # whoever read the output has seen enough; without this Python complains when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _said(error, 1)
    except KeyboardInterrupt:
        say("stopped", sys.stderr)
        return 130


def _said(error: Exception, code: int) -> int:
    say(f"srgformer-lab: {in_command_words(' '.join(str(error).split()))}", sys.stderr)
    return code
