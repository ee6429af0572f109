"""Targets behind HTTPS: whom the suite trusts, and that it says so where it does not."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from conformance.discovery import TargetError
from conformance.selftests.scripted import serve_script
from conformance.selftests.support import check, judged, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.judge import Judge
    from conformance.report import Report
    from conformance.session import Session


def keeps(session: Session, judge: Judge) -> None:
    """Upload a file, look at its answer as well as at one on a raw connection."""
    judge.status("UP-08", session.try_upload({"a": b"a"}), 204)
    host = session.bench.client.transport.host
    answer = session.bench.client.raw(f"GET /v4 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    judge.expect("UP-08", answer.error is None, expected="an answer", actual=answer.error, exchange=answer)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return an authority that nobody trusts unless told."""
    return trustme.CA()


def judged_by_https(authority: trustme.CA, **told: Any) -> Report:
    """Run a check against a target whose certificate is signed by this authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with serve_script(tls=tls) as (url, _):
        return judged(url, check(keeps, "UP-08"), **told)


def test_an_authority_that_is_told_is_trusted(authority: trustme.CA, tmp_path: Path) -> None:
    """With --ca-bundle, a target of that authority is checked, on raw connections too."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    assert verdict(judged_by_https(authority, ca_bundle=bundle), "UP-08") == "pass"


def test_any_certificate_does_where_the_user_says_so(authority: trustme.CA) -> None:
    """With --insecure, a target is checked whoever signed its certificate."""
    assert verdict(judged_by_https(authority, insecure=True), "UP-08") == "pass"


def test_an_unknown_authority_is_no_target(authority: trustme.CA) -> None:
    """Without either, the suite does not talk to such a target and says that its certificate is the reason."""
    with pytest.raises(TargetError, match="certificate"):
        judged_by_https(authority)
