"""How results look: tidy frames in, plotly figures and item cards out.

A room of its own so that one thing looks the same everywhere, and so that nothing else in the package needs plotly.
It knows neither models nor data sets, only columns. ``__init__.pyi`` lists the public names.

Every figure takes ``dark`` (whether the page is dark) and most take ``hint``: words below the finding in place of the figure's own.
"""

import lazy_loader

from srgformer_lab.errors import require

require("plotly")  # before a module of this room fails to import it
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
