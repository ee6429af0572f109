"""What the server refuses because of who asks, or how often (AU, RL)."""

from dataclasses import dataclass

from mock_server.domain.errors import Refusal


@dataclass(eq=False)
class NotSigned(Refusal):
    """The request carries no signature of a known scheme (AU-05)."""

    scheme: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        given = f"Authorization is of the scheme {self.scheme!r}" if self.scheme else "There is no Authorization header"
        return f"{given}; sign the request: `BackendAI signMethod=HMAC-SHA256, credential=ACCESS-KEY:HEX`."


@dataclass(eq=False)
class MalformedAuthorization(Refusal):
    """The Authorization header cannot be read (AU-05)."""

    why: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"Authorization: {self.why}."


@dataclass(eq=False)
class WrongSignature(Refusal):
    """The access key is unknown, or the signature is not that of its secret (AU-05): clients are not told which.

    `day` (YYYYMMDD), `host` and `text` are what the server signed: all of them are the client's own words.
    """

    day: str
    host: str
    text: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return (
            f"The access key is unknown, or the signature is wrong; with the key of the day {self.day} and the host "
            f"{self.host!r} this text has to be signed: {self.text!r}."
        )


@dataclass(eq=False)
class BadDate(Refusal):
    """A signed request's date is missing or unreadable (AU-04)."""

    text: str

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        given = f"The date {self.text!r} cannot be read" if self.text else "The request has no Date"
        return f"{given}; send ISO 8601, such as 2018-12-15T09:30:00+00:00, or the HTTP form."


@dataclass(eq=False)
class StaleDate(Refusal):
    """A signed request's date is too far from the server's clock (AU-04)."""

    skew_s: float
    max_skew_s: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        way = "behind" if self.skew_s > 0 else "ahead of"
        return (
            f"The request's date is {abs(self.skew_s):.0f} s {way} the server's clock; "
            f"at most {self.max_skew_s} s are accepted."
        )


@dataclass(eq=False)
class RateLimitExceeded(Refusal):
    """The caller has used up the requests of its window (RL-02)."""

    limit: int
    window_s: int
    retry_after_s: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return (
            f"More than {self.limit} requests within {self.window_s} s; "
            f"the next one is served in {self.retry_after_s} s."
        )


@dataclass(eq=False)
class TooManySessions(Refusal):
    """The user has as many living sessions as the server gives."""

    limit: int

    @property
    def detail(self) -> str:
        """What was wrong, and what would be right."""
        return f"{self.limit} sessions are all that one user may have at a time; terminate one first."
