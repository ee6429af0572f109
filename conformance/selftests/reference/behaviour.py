"""The whole behaviour, every clause right: what a defect or a variant derives from."""

from __future__ import annotations

from .folders import Folders


class Behaviour(Folders):
    """A server's behaviour: knobs are class attributes, hooks are methods.

    Layers, each of which knows those below it: conventions (CO), access (AU, RL), sessions (SE), workspace (paths),
    console (CN), engine and executing (EX), uploads (UP), files (LS, DL), folders (VF).
    """
