"""Where a request comes from, when proxies stand in between."""

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers

from charter.runtime.layers import ProxyHeader, TrustedProxies

PROXY = "10.1.2.3"


def caller(peer: str, header: ProxyHeader, **headers: str) -> str:
    proxies = TrustedProxies(Starlette(), ["10.0.0.0/8"], header)
    return proxies.caller(peer, Headers(headers))


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # no proxy of ours
        (PROXY, "198.51.100.7", "198.51.100.7"),
        (PROXY, "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first one is the caller's word
        (PROXY, "203.0.113.9, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
        (PROXY, "198.51.100.7:4711", "198.51.100.7"),
        (PROXY, "[2001:db8::7]:4711", "2001:db8::7"),
        (PROXY, "2001:DB8:0::7", "2001:db8::7"),
        (PROXY, "::ffff:198.51.100.7", "198.51.100.7"),
        (PROXY, "<script>alert(1)</script>", PROXY),
        (PROXY, "198.51.100.7, unknown", PROXY),
        (PROXY, "fe80::1%<b>", PROXY),
        (PROXY, "", PROXY),
        (PROXY, "10.0.0.1", "10.0.0.1"),
    ],
)
def test_enu_4_the_header_is_read_from_its_end_up_to_a_stranger(
    peer: str, header: str, expected: str
) -> None:
    headers = {"X-Forwarded-For": header, "Forwarded": "for=203.0.113.66"}

    assert caller(peer, ProxyHeader.X_FORWARDED_FOR, **headers) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ('for=203.0.113.9, FOR="198.51.100.7:4711";proto=https;by=10.1.2.3', "198.51.100.7"),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        ('by="a, for=203.0.113.9"; for=198.51.100.7', "198.51.100.7"),
        ("for=_hidden", PROXY),
        ("for=unknown", PROXY),
        ("proto=https", PROXY),
        ('for="198.51.100.7', PROXY),
    ],
)
def test_enu_4_a_proxy_may_say_it_as_rfc_7239_does(header: str, expected: str) -> None:
    headers = {"Forwarded": header, "X-Forwarded-For": "203.0.113.66"}

    assert caller(PROXY, ProxyHeader.FORWARDED, **headers) == expected


def test_enu_4_a_header_that_is_sent_twice_is_one_list() -> None:
    proxies = TrustedProxies(Starlette(), ["10.0.0.0/8"], ProxyHeader.X_FORWARDED_FOR)
    headers = Headers(
        raw=[(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-for", b"198.51.100.7")]
    )

    assert proxies.caller(PROXY, headers) == "198.51.100.7"
