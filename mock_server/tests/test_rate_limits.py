"""Rate limits: the window itself under a clock of the test's own, and what answers say over HTTP (RL)."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mock_server.adapters import rate_limits
from mock_server.adapters.rate_limits import RateLimiter
from mock_server.app import Settings, start
from mock_server.tests.signing import ALICE, BOB, Signing
from mock_server.tests.support import Client

LIMIT, WINDOW_S = 6, 10_000  # a window that no test outlives
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Window")


class Clock:
    """A clock that goes as the test says."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.s


@pytest.fixture
def limited() -> Iterator[Client]:
    """Give a client of a server that serves few requests, and knows two users."""
    settings = Settings(keys=dict((ALICE, BOB)), rate_limit=LIMIT, rate_window_s=WINDOW_S)
    with start(settings) as running, Client(running) as client:
        yield client


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=60))
def test_no_window_holds_more_than_the_limit(limit: int, pauses: list[float]) -> None:
    """Whenever requests come, any stretch as long as the window has at most the limit of those that were let in."""
    clock = Clock()
    limiter = RateLimiter(limit, 30, clock)
    served: list[float] = []
    for pause in pauses:
        clock.s += pause
        standing = limiter.count("caller")
        if not standing.retry_after_s:
            served.append(clock.s)
        recent = [moment for moment in served if moment > clock.s - 30]
        assert len(recent) <= limit
        assert 0 <= standing.remaining <= limit - len(recent)


@example(limit=1, pauses=[0.3])  # 0.3 / 0.1 is less than 3 in floating point
@given(limit=st.integers(1, 5), pauses=st.lists(st.floats(0, 20), max_size=20))
def test_the_promise_of_another_try_is_kept(limit: int, pauses: list[float]) -> None:
    """Whoever waits as long as a refusal says is served, however often it was refused before."""
    clock = Clock()
    limiter = RateLimiter(limit, 30, clock)
    for pause in (*pauses, *([0.0] * limit)):
        clock.s += pause
        limiter.count("caller")
    wait_s = limiter.count("caller").retry_after_s
    assert 0 < wait_s <= 32
    clock.s += wait_s
    assert limiter.count("caller").retry_after_s == 0


def test_callers_do_not_share_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each caller has its own limit; of too many callers the one that was silent longest is forgotten."""
    monkeypatch.setattr(rate_limits, "MAX_CALLERS", 2)
    limiter = RateLimiter(1, 30, Clock())
    assert [limiter.count(name).retry_after_s > 0 for name in ("a", "b", "a", "b")] == [False, False, True, True]
    assert limiter.count("c").retry_after_s == 0
    assert limiter.count("b").retry_after_s > 0


def test_every_answer_tells_the_limit(limited: Client) -> None:
    """Successes and failures of any kind count, and say what is left (RL-01, RL-02)."""
    path = "/kernel/limited-session"
    answers = [
        limited.send("POST", "/kernel", json={"lang": "c", "clientSessionToken": "limited-session"}, auth=Signing()),
        limited.send("PATCH", path, auth=Signing()),
        limited.send("GET", "/kernel/nobody", auth=Signing()),
        limited.send("PUT", path, auth=Signing()),
        limited.send("GET", "/nowhere", auth=Signing()),
        limited.send("POST", path, data=b"{", auth=Signing()),
    ]
    assert [answer.status_code for answer in answers] == [201, 204, 404, 405, 404, 400]
    told = [tuple(int(answer.headers[name]) for name in HEADERS) for answer in answers]
    assert told == [(LIMIT, LIMIT - count, WINDOW_S) for count in range(1, LIMIT + 1)]
    refused = limited.send("GET", path, auth=Signing())
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:batchproof:problem:rate-limit-exceeded"
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S + WINDOW_S // 100
    assert [refused.headers[name] for name in HEADERS] == [str(LIMIT), "0", str(WINDOW_S)]


def test_each_key_and_each_address_counts_on_its_own(limited: Client) -> None:
    """One user's requests leave another's alone; unsigned and wrongly signed ones count for the address (RL-02)."""
    for _ in range(LIMIT):
        assert limited.send("GET", "/kernel/nobody", auth=Signing()).status_code == 404
    assert limited.send("GET", "/kernel/nobody", auth=Signing()).status_code == 429
    assert limited.send("GET", "/kernel/nobody", auth=Signing(pair=BOB)).status_code == 404
    guessed = Signing(pair=(BOB[0], "guess"))
    calls = [("/kernel/nobody", None), ("/v4", None), ("/", guessed), ("/kernel/x", guessed)]
    remaining = [limited.send("GET", path, auth=auth).headers["X-RateLimit-Remaining"] for path, auth in calls]
    assert remaining == ["5", "4", "3", "2"]
