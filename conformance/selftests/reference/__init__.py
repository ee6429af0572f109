"""A second, independent server of the API, small and made to be broken: the suite's proving ground.

It shares nothing with the mock server but the document. ``serve(Behaviour())`` is a right server;
a subclass of ``Behaviour`` that overrides one knob or hook is one with a defect, or one that reads an open
clause differently.
"""

from .behaviour import Behaviour
from .transport import serve

__all__ = ["Behaviour", "serve"]
