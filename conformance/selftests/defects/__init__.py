"""Servers with one defect each, and right servers that read the open clauses otherwise.

``DEFECTS`` and ``VARIANTS`` hold them by name; importing a family's module fills them.
"""

from . import access, console, conventions, downloading, executing, listing, results, sessions, uploading
from . import variants as _variants
from .table import ACCESS_KEY, DEFECTS, NEEDS, SECRET_KEY, VARIANTS, Defect, Variant

__all__ = ["ACCESS_KEY", "DEFECTS", "NEEDS", "SECRET_KEY", "VARIANTS", "Defect", "Variant"]

_FAMILIES = (access, conventions, sessions, uploading, executing, results, console, listing, downloading, _variants)
