"""Addresses that no route may point at: those at which clouds hand out credentials to whoever asks from inside."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_METADATA: Final = (
    ip_network("169.254.0.0/16"),  # link-local: AWS, Google, Azure, Oracle, OpenStack, ECS and EKS credentials
    ip_network("fe80::/10"),  # link-local: OpenStack's fe80::a9fe:a9fe
    ip_network("fd00:ec2::/32"),  # AWS, IPv6
    ip_network("fd20:ce::254/128"),  # Google, IPv6
    ip_network("100.100.100.200/32"),  # Alibaba
    ip_network("168.63.129.16/32"),  # Azure's wire server
    ip_network("192.0.0.192/32"),  # Oracle Classic
)
_NAT64: Final = ip_network("64:ff9b::/96")


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a URL's host is, as the URL standard writes it; None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_metadata(host: str | IPv4Address | IPv6Address) -> bool:
    """Whether a host (as the URL standard writes it) or an address is a cloud's metadata service."""
    if isinstance(host, str):
        address = literal(host)
        if address is None:
            return host.rstrip(".").lower() in _METADATA_NAMES
        return is_metadata(address)
    return any(address in network for address in _forms(host) for network in _METADATA)


def _forms(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, and the IPv4 address that it stands for: mapped, 6to4, NAT64, Teredo, IPv4-compatible."""
    forms = [address]
    if isinstance(address, IPv6Address):
        forms += [form for form in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if form]
        if address in _NAT64 or address.packed[:12] == bytes(12):
            forms.append(IPv4Address(address.packed[12:]))
    return forms
