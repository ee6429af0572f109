"""What the server can refuse, in the protocol's own terms.

Every refusal carries the data of the case and one sentence, `detail`, that says what was wrong and what would be
right. None knows of HTTP: `mock_server.adapters.problems` holds the one table that gives each its status.
"""

from dataclasses import dataclass


class Refusal(Exception):  # noqa: N818  - the protocol's word; every subclass names a case, not an error
    """A request the server understood and will not fulfil; base of every case here."""

    @property
    def detail(self) -> str:
        """One sentence: what was wrong, and what would be right."""
        raise NotImplementedError


# Requests that cannot be read (CO-10)


@dataclass(eq=False)
class MalformedBody(Refusal):
    """The body breaks its own format: framing, JSON or multipart (CO-10, UP-15)."""

    why: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return self.why


@dataclass(eq=False)
class InvalidParameter(Refusal):
    """A parameter is missing, of the wrong type, or outside its bounds (CO-10, EX-25)."""

    name: str
    why: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.name}: {self.why}"


@dataclass(eq=False)
class UnsupportedBody(Refusal):
    """The body is of a kind this call does not read."""

    given: str
    wanted: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"The body is {self.given or 'of no stated type'}; this call reads {self.wanted}."


@dataclass(eq=False)
class BodyTooLarge(Refusal):
    """A body is longer than this call reads."""

    max_bytes: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"The body is longer than the {self.max_bytes} bytes that this call reads; send less."


@dataclass(eq=False)
class BodyTimedOut(Refusal):
    """The client stalled in the middle of its body."""

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return "The rest of the request body did not arrive in time; send it without pauses."


# Who may ask


@dataclass(eq=False)
class ForeignHost(Refusal):
    """The Host header names something this server is not (DNS rebinding)."""

    host: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"Host {self.host!r} is not this server; use the address it printed when it started."


@dataclass(eq=False)
class CrossSite(Refusal):
    """A web page of another site sent the request."""

    origin: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"Requests from web pages of another site ({self.origin}) are refused: they could run commands here."


@dataclass(eq=False)
class NotAWebSocket(Refusal):
    """A plain request came where a WebSocket is served."""

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return "This URL serves a WebSocket; connect with ws:// and the headers of an upgrade."


# Cases of sessions: SE


@dataclass(eq=False)
class UnknownSession(Refusal):
    """No session has this id (CO-11, SE-05, SE-06)."""

    session_id: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"No session is called {self.session_id!r}; it was never created, or it has been terminated."


@dataclass(eq=False)
class NameInUse(Refusal):
    """The token belongs to a living session of another language (SE-03), or reuse was declined."""

    name: str
    lang: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"The name {self.name!r} belongs to a living session of {self.lang!r}; choose another or terminate it."


@dataclass(eq=False)
class LimitExceeded(Refusal):
    """The request asks for more than the server gives (SE-08)."""

    resource: str
    asked: str
    limit: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.resource}: {self.asked} was asked for, at most {self.limit} is given."


# Cases of files: UP, LS and DL


@dataclass(eq=False)
class TooManyFiles(Refusal):
    """More files than one upload may hold (UP-10)."""

    max_files: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"More than {self.max_files} files in one upload; send at most {self.max_files} in each request."


@dataclass(eq=False)
class FileTooLarge(Refusal):
    """A file is larger than an upload may hold (UP-08)."""

    filename: str
    max_bytes: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.filename!r} is larger than {self.max_bytes} bytes, the most that one uploaded file may have."


@dataclass(eq=False)
class NoFile(Refusal):
    """An upload without a file part (UP-15)."""

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return "The upload holds no file; send at least one part with a filename."


@dataclass(eq=False)
class WorkspaceFull(Refusal):
    """The disk under the workspaces, or its quota, has no room left."""

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return "There is no room left for the session's files; delete some, or terminate the session."


@dataclass(eq=False)
class OutsideWorkspace(Refusal):
    """A path leads out of /home/work, by its text or through a link (UP-06, LS-06, DL-04)."""

    path: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.path!r} leads outside /home/work; only paths below it can be used."


@dataclass(eq=False)
class InvalidPath(Refusal):
    """A path no file can have, or that something else is in the way of."""

    path: str
    why: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.path!r}: {self.why}."


@dataclass(eq=False)
class PathNotFound(Refusal):
    """Nothing is at this path (LS-03, DL-04)."""

    path: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"There is nothing at {self.path!r} in this session."
