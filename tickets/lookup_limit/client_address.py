"""The client's address, which the client cannot choose."""

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

# A client with one IPv6 address has the 2**64 addresses of its network.
IPV6_NETWORK_BITS = 64


def client_address(request: HttpRequest) -> str | None:
    """Return the client's IPv4 address or IPv6 network.

    Return None if none can be trusted. Each of the ``TRUSTED_PROXIES`` proxies appends the address
    of its peer to X-Forwarded-For. The client may write anything before their entries.
    """
    proxies = settings.TRUSTED_PROXIES
    if proxies == 0:
        return _network(request.META.get("REMOTE_ADDR", ""))
    entries = request.headers.get("X-Forwarded-For", "").split(",")
    return _network(entries[-proxies].strip()) if len(entries) >= proxies else None


def _network(text: str) -> str | None:
    try:
        try:
            address = ip_address(text)
        except ValueError:  # some proxies add the port
            address = ip_address(urlsplit(f"//{text}").hostname or "")
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), IPV6_NETWORK_BITS), strict=False))
