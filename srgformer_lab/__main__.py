"""``python -m srgformer_lab`` is the command line."""

import sys

from srgformer_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
