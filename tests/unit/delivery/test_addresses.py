"""Which addresses no route may point at."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookcore.delivery.addresses import is_metadata, literal

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd20:ce::254]",
    "[fe80::a9fe:a9fe]",
    "[::ffff:a9fe:a9fe]",
    "[::a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "metadata.google.internal",
    "metadata.google.internal.",
    "Metadata",
    "metadata.goog",
    "instance-data.ec2.internal",
]
OTHERS = [
    "10.0.0.1",
    "192.168.1.1",
    "169.253.255.255",
    "8.8.8.8",
    "127.0.0.1",
    "[::1]",
    "[::]",
    "[fd00::1]",
    "[2001:db8::1]",
    "mobility.example.svc",
    "metadata.example.com",
    "xmetadata",
    "",
]


@pytest.mark.parametrize("host", METADATA)
def test_metadata_is_told(host: str) -> None:
    """Every cloud's address and name, and every way to write an IPv4 address inside an IPv6 one."""
    assert is_metadata(host)


@pytest.mark.parametrize("host", OTHERS)
def test_others_are_not(host: str) -> None:
    """Private networks, loopback and public hosts are a company's own business."""
    assert not is_metadata(host)


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_judged_as_the_address(address: IPv4Address) -> None:
    """Mapped, NAT64 and 6to4 forms are what they stand for."""
    low = int(address)
    mapped = IPv6Address(0xFFFF << 32 | low)
    nat64 = IPv6Address(int(IPv6Address("64:ff9b::")) | low)
    sixtofour = IPv6Address(0x2002 << 112 | low << 80)
    assert {is_metadata(form) for form in (mapped, nat64, sixtofour)} == {is_metadata(address)}


def test_teredo_is_unwrapped() -> None:
    """A Teredo address carries its client's address inverted."""
    client = int(IPv4Address("169.254.169.254")) ^ 0xFFFFFFFF
    assert is_metadata(IPv6Address(int(IPv6Address("2001:0:102:304::")) | client))


def test_literals_and_names() -> None:
    """A host is an address or a name; brackets and zones are part of how addresses are written."""
    assert literal("[::1]") == ip_address("::1")
    assert literal("10.0.0.1") == ip_address("10.0.0.1")
    assert literal("10.0.0.1.example.com") is None
    assert is_metadata(ip_address("fe80::1%eth0"))
