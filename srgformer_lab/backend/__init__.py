"""What the apps look at: data sets, runs and passes, loaded once for all visitors of a process, and named by links.

Visitors are threads of one process, and a page reload starts a visitor anew, so whatever is heavy lives here: bounded, made once and
read-only. A link can be old or mistyped, so what it says is checked here against what there is. ``__init__.pyi`` lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
