"""The numbers that bound a request; all of them come from the contract or the operator, none stands here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What the contract allows in one request."""

    max_file_bytes: int  # UP-07: inclusive
    max_upload_files: int  # UP-09: inclusive
    max_download_paths: int  # DL-01: inclusive
    max_stream_chars: int  # CN-03: inclusive, of each stream and call
    max_clock_skew_s: int  # AU-04: inclusive, between a request's date and the server's clock
    rate_window_s: int  # RL-01: the default one


@dataclass(frozen=True)
class Allowance:
    """What users get without asking, and how much of it."""

    default_memory_mib: int = 2048  # of each process, as memoryLimit tells it (SE-05)
    max_sessions: int = 1000  # of one user at a time


@dataclass(frozen=True)
class Capacity:
    """What one session may ask for (SE-08), inclusive."""

    memory_mib: int = 2048
    cores: int = 4
    gpus: int = 0
    cluster_size: int = 1
