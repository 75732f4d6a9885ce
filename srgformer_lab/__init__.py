"""SRGFormer Lab: train SRGFormer, move its knobs by hand, and ask it why.

``__init__.pyi`` lists the public names; torch is loaded when one of them first needs it.
"""

import lazy_loader

from srgformer_lab.version import VERSION

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = VERSION
