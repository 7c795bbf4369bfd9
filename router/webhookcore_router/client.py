"""The HTTP client that delivers: fast, with every limit that a service must not be able to lift.

The measured choice is pyreqwest. What it does not do, the callers know: cancelling a task does not stop its request,
only the request's own timeout does (`exchange.py` sets one on each).
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import certifi
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError

from webhookcore import __version__

USER_AGENT: Final = f"webhookcore/{__version__}"

_IDLE_SECONDS: Final = 4
"""Shorter than the 5 s after which common servers close an idle connection: a POST that meets such a close has an
unknown outcome."""
_SLOWEST_CONNECT_SECONDS: Final = 2.0
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def build_client(*, timeout_ms: int, most_connections_per_host: int, environ: Mapping[str, str] = os.environ) -> Client:
    """A client for all routes of a router.

    HTTP/1.1: a connection per delivery under way keeps one hanging answer from holding up others. Connecting (name,
    TCP and TLS) may take at most half of a delivery's time, so that a second try is left. Certificates are checked
    against the system's roots, or those that SSL_CERT_FILE and SSL_CERT_DIR name. Proxies of the environment are
    ignored: a delivery goes to the address that was checked.

    Raises BuilderError where those variables lead to no certificate.
    """
    connect_seconds = min(timeout_ms / 2000, _SLOWEST_CONNECT_SECONDS)
    try:
        return _builder(connect_seconds, most_connections_per_host).build()
    except BuilderError:
        if "SSL_CERT_FILE" in environ or "SSL_CERT_DIR" in environ:
            raise
    # A machine without any root certificate, such as a bare container: Mozilla's, as httpx brings them.
    builder = _builder(connect_seconds, most_connections_per_host)
    for certificate in _CERTIFICATE.findall(Path(certifi.where()).read_bytes()):
        builder = builder.add_root_certificate_pem(certificate)
    return builder.build()


def _builder(connect_seconds: float, most_connections_per_host: int) -> ClientBuilder:
    return (
        ClientBuilder()
        .user_agent(USER_AGENT)
        .http1_only()
        .follow_redirects(enable=False)
        .referer(enable=False)
        .default_cookie_store(enable=False)
        .gzip(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .deflate(enable=False)
        .no_proxy()
        .tcp_nodelay(enabled=True)
        .connect_timeout(timedelta(seconds=connect_seconds))
        .pool_idle_timeout(timedelta(seconds=_IDLE_SECONDS))
        .pool_max_idle_per_host(most_connections_per_host)
    )
