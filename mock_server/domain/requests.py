"""What a client asks of a session, read from validated parameters: pure, so that it is tested without a server."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mock_server.domain.errors import InvalidParameter, LimitExceeded
from mock_server.domain.folders import Mount, read_mounts
from mock_server.domain.limits import Capacity

_AMOUNT: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_MIB: Final = 1024 * 1024
_UNIT_BYTES: Final = {"": 1, "k": 1024, "m": _MIB, "g": 1024 * _MIB, "t": 1024**2 * _MIB, "p": 1024**3 * _MIB}


@dataclass(frozen=True)
class SessionRequest:
    """A session to create (SE-01); `name` is None where the server has to name it."""

    lang: str
    name: str | None
    environ: Mapping[str, str]
    memory_mib: float | None
    mounts: tuple[Mount, ...] = ()

    @classmethod
    def read(cls, parameters: Mapping[str, Any], capacity: Capacity) -> "SessionRequest":
        """Read what the contract has let through.

        Raises InvalidParameter, LimitExceeded (SE-08).
        """
        config = parameters.get("config") or {}
        return cls(
            lang=_lang(parameters.get("lang") or parameters.get("image") or ""),
            name=parameters.get("clientSessionToken") or parameters.get("name"),
            environ=_environ(config.get("environ") or {}),
            memory_mib=_within(config, capacity),
            mounts=read_mounts(config.get("mounts") or ()),
        )


def _lang(lang: str) -> str:
    if not lang.strip() or not lang.isprintable() or len(lang) > 255:  # noqa: PLR2004  - an image's name, with its registry
        raise InvalidParameter("lang", "the name of a language or image is needed: up to 255 printable characters")
    return lang


def _environ(environ: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables that have a value (CO-13). Raises InvalidParameter for names no environment can hold."""
    for name, value in environ.items():
        if not name or "=" in name or "\0" in name or "\0" in (value or ""):
            raise InvalidParameter(
                "config.environ", f"{name!r} is no variable: names hold no '=', and nothing holds a NUL"
            )
    return {name: value for name, value in environ.items() if value is not None}


def _within(config: Mapping[str, Any], capacity: Capacity) -> float | None:
    """Refuse amounts above the capacity; return the memory asked for, in MiB."""
    resources = config.get("resources") or {}
    memory_mib = config.get("instanceMemory")
    if resources.get("mem") is not None:
        memory_mib = _amount("config.resources.mem", resources["mem"]) / _MIB
    asked = {
        "config.instanceMemory": (memory_mib, capacity.memory_mib),
        "config.instanceCores": (config.get("instanceCores"), capacity.cores),
        "config.instanceGPUs": (config.get("instanceGPUs"), capacity.gpus),
        "config.clusterSize": (config.get("clusterSize"), capacity.cluster_size),
    }
    if resources.get("cpu") is not None:
        asked["config.resources.cpu"] = (_amount("config.resources.cpu", resources["cpu"]), capacity.cores)
    for name, value in resources.items():
        if name.startswith("cuda.") and value is not None:  # cuda.device and cuda.shares, as deployed clients name GPUs
            asked[f"config.resources.{name}"] = (_amount(f"config.resources.{name}", value), capacity.gpus)
    for name, (amount, limit) in asked.items():
        if amount is not None and amount > limit:
            raise LimitExceeded(name, f"{amount:.6g}" if amount < 10**15 else "a vast amount", str(limit))
    return memory_mib


def _amount(name: str, value: object) -> float:
    """Return a number, or a text such as `512m`, as a plain number. Raises InvalidParameter."""
    if isinstance(value, int | float):
        return value
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InvalidParameter(
            name, f"{str(value)[:40]!r} is no amount; write a number, or one with a unit, such as 512m"
        )
    return float(match[1]) * _UNIT_BYTES[match[2].lower()]
