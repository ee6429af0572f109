"""Servers with one defect each, and right servers that read the open clauses otherwise.

``DEFECTS`` and ``VARIANTS`` hold them by name; importing a family's module fills them.
"""

from importlib import import_module
from typing import Final

from .table import ACCESS_KEY, DEFECTS, NEEDS, OTHER_KEY, OTHER_SECRET, SECRET_KEY, VARIANTS, Defect, Variant

__all__ = [
    "ACCESS_KEY",
    "DEFECTS",
    "NEEDS",
    "OTHER_KEY",
    "OTHER_SECRET",
    "SECRET_KEY",
    "VARIANTS",
    "Defect",
    "Variant",
]

FAMILIES: Final = (
    "conventions",
    "access",
    "subtle_access",
    "sessions",
    "session_facts",
    "session_config",
    "uploading",
    "upload_limits",
    "upload_contents",
    "results",
    "executing",
    "exit_codes",
    "environment",
    "overlap",
    "effects",
    "console",
    "output",
    "listing",
    "downloading",
    "subtle_runs",
    "subtle_console",
    "subtle_files",
    "subtle_uploads",
    "subtle_sizes",
    "blind_files",
    "blind_runs",
    "seldom_sessions",
    "seldom_folders",
    "seldom_listings",
    "seldom_files",
    "seldom_runs",
    "narrow_calls",
    "narrow_files",
    "narrow_runs",
    "kept_things",
    "unnoticed_runs",
    "unnoticed_files",
    "unnoticed_sessions",
    "unnoticed_forms",
    "unnoticed_steps",
    "unnoticed_lives",
    "unnoticed_states",
    "overlooked_files",
    "overlooked_runs",
    "variants",
    "freedoms",
    "strangers",
    "crowded",
    "contrary",
    "lawful",
    "lawful_runs",
)
for _family in FAMILIES:
    import_module(f"{__name__}.{_family}")
