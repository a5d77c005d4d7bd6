from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.security.client_address import client_address, limited_as, parse_networks

PROXIES = parse_networks("10.2.0.5, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # no proxy of ours says so
        ("10.2.0.5", ["198.51.100.7"], "198.51.100.7"),
        ("10.2.0.5", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),  # 1.1.1.1 is what the client made up
        ("10.2.0.5", ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        ("10.2.0.5", ["198.51.100.7, fd00::1"], "198.51.100.7"),
        ("10.2.0.5", ["198.51.100.7, fd00::1, 10.2.0.5"], "198.51.100.7"),
        ("10.2.0.5", [], "10.2.0.5"),
        ("10.2.0.5", [""], "10.2.0.5"),
        ("10.2.0.5", ["unknown"], "10.2.0.5"),
        ("10.2.0.5", ["198.51.100.7, unknown"], "10.2.0.5"),
        ("10.2.0.5", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.2.0.5", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", [], "fe80::1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == ip_address(client)


def test_a_unix_socket_has_no_address() -> None:
    assert client_address("", ["192.0.2.1"], PROXIES) is None
    assert limited_as(None) is None


@given(st.lists(st.text(max_size=30), max_size=5))
def test_nobody_can_pretend_to_be_another_without_a_trusted_proxy(forwarded: list[str]) -> None:
    assert client_address("192.0.2.1", forwarded, PROXIES) == ip_address("192.0.2.1")
    nearest = client_address("10.2.0.5", [*forwarded, "203.0.113.9"], PROXIES)
    assert nearest == ip_address("203.0.113.9")


def test_a_customer_of_ipv6_is_counted_as_one() -> None:
    assert limited_as(ip_address("2001:db8:1:2:3::4")) == ip_network("2001:db8:1:2::/64")
    assert limited_as(ip_address("2001:db8:1:2:ffff::")) == ip_network("2001:db8:1:2::/64")
    assert limited_as(ip_address("192.0.2.1")) == ip_network("192.0.2.1/32")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy", "10.0.0.0/33", "1.2.3"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not addresses or networks"):
        parse_networks(text)


def test_networks_are_shown_as_they_are_written() -> None:
    assert str(PROXIES) == "10.2.0.5/32,fd00::/8"
    assert str(parse_networks("")) == ""
