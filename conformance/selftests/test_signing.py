"""Signatures, against vectors that were computed by `openssl dgst` from the rule of AU-02 and AU-03."""

import pytest

from conformance.signing import Signable, Signer

DATE = "2026-11-23T06:30:37.140484+00:00"
JSON_BODY = b'{"lang": "c"}'


def signable(content_type: str = "application/json", body: bytes = JSON_BODY) -> Signable:
    """Return the request that all vectors sign."""
    return Signable("post", "/v2/kernel?x=1", "api.example.com:8081", content_type, body)


VECTORS = [
    (
        "v4.20181215",
        "application/json; charset=utf-8",
        "d814c9da9217900d484b4675aa7eaea00b1c62fcc9f83deb5ae01dbe836b7757",
    ),
    ("v2.20170315", "application/json", "48ede4149acf355cd823ff11835ec6ad4624a8f646f5889446d8daf8d09482f1"),
    (
        "v2.20170315",
        "multipart/form-data; boundary=x",
        "a58e8f28f82765862e99e994d840376004de5516dd2109b4fc3e75ba32ccec66",
    ),
]


@pytest.mark.parametrize(("version", "content_type", "expected"), VECTORS, ids=["modern", "old", "multipart"])
def test_the_signature_is_that_of_the_rule(version: str, content_type: str, expected: str) -> None:
    """The body is hashed by old clients only, and by none for multipart; the type is signed without parameters."""
    signer = Signer("key", "my-secret", version)
    assert signer.signature(signable(content_type), DATE) == expected


def test_a_bodyless_request_of_an_old_client_hashes_the_empty_string() -> None:
    """An empty body hashes as the empty string, whatever the version."""
    signer = Signer("key", "my-secret", "v2.20170315")
    expected = "76fbbfdad8b99fe13c24dda8a2828479622bbe7c3f39cd67b418a6384d7324c9"
    assert signer.signature(signable(body=b""), DATE) == expected


def test_the_signing_key_uses_the_day_in_utc() -> None:
    """Half past one in the morning in Seoul is still the day before in UTC (AU-02)."""
    signer = Signer("key", "my-secret")
    expected = "88942318e1021534156833e23815f9fe22968630a8977150f737d524a31635ad"
    assert signer.signature(signable(), "2026-11-23T01:30:00+09:00") == expected


def test_the_headers_name_date_version_and_credential() -> None:
    """A signed request carries the date as it was signed, the version, and key and signature in one header (AU-01)."""
    headers = Signer("AK", "my-secret", dated=DATE).headers(signable())
    assert headers["Date"] == DATE
    assert headers["X-BackendAI-Version"] == "v4.20181215"
    assert headers["Authorization"] == f"BackendAI signMethod=HMAC-SHA256, credential=AK:{VECTORS[0][2]}"


def test_a_signer_does_not_show_its_secret() -> None:
    """The secret does not appear in what a log might print."""
    assert "my-secret" not in repr(Signer("AK", "my-secret"))
