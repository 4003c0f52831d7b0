"""Which URLs notifications may be sent to, as far as the text tells (``address`` judges what it resolves to)."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from yarl import URL

from nfvi_ha.reporting import refusal
from nfvi_ha.reporting.address import refusal as address_refusal
from nfvi_ha.reporting.refusal import EndpointRefused

_FIELD: Final = "spec.url"
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([-a-z0-9_]*[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?")
_NUMERIC: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
"""A last label of this form makes resolvers take the whole host for an IPv4 address, in some base."""
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points to: what ``allowed-hosts`` is compared with."""

    host: str
    """Lower case, in ASCII (IDNA), without a trailing dot; IPv6 without brackets."""
    port: int
    default_port: int
    is_tls: bool


def judge_url(text: str, *, allow_insecure: bool) -> Target:
    """Check a notification URL.

    Raises:
        EndpointRefused: another scheme than https (or http with ``allow_insecure``), user or password in the URL, no
            usable host, or a literal address that nothing may be sent to.
    """
    url = _parse(text)
    if url.scheme not in _DEFAULT_PORTS:
        raise EndpointRefused(
            refusal.URL_SCHEME_REFUSED, _FIELD, f"scheme {url.scheme!r} cannot carry notifications; use https://"
        )
    if url.scheme == "http" and not allow_insecure:
        raise EndpointRefused(
            refusal.URL_INSECURE,
            _FIELD,
            "http:// sends notifications in the clear; use https://, or set spec.allowInsecure",
        )
    if "@" in re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0]:
        raise EndpointRefused(
            refusal.URL_CREDENTIALS_REFUSED, _FIELD, "user and password do not belong into a URL; use spec.auth.basic"
        )
    if not url.raw_host or not url.port:
        raise EndpointRefused(
            refusal.URL_INVALID, _FIELD, "no host or port; write it like https://vim.example.com:8443/path"
        )
    return Target(_judge_host(url.raw_host), url.port, _DEFAULT_PORTS[url.scheme], url.scheme == "https")


def normal_host(host: str) -> str:
    """A host in the form that hosts are compared in. Raises ValueError if it cannot be a host."""
    bare = host.strip().strip("[]").lower()
    if ":" in bare:
        return str(ip_address(bare))
    return (bare.removesuffix(".").encode("idna").decode() if not bare.isascii() else bare).removesuffix(".")


def _parse(text: str) -> URL:
    if _CONTROL.search(text) or "\\" in text:
        raise EndpointRefused(refusal.URL_INVALID, _FIELD, "blanks, control characters and backslashes are not allowed")
    try:
        return URL(text)
    except ValueError as error:
        raise EndpointRefused(
            refusal.URL_INVALID, _FIELD, f"{error}; write it like https://vim.example.com:8443/path"
        ) from error


def _judge_host(raw: str) -> str:
    try:
        host = normal_host(raw)
        literal = ip_address(host) if ":" in host or _NUMERIC.fullmatch(host.rsplit(".", 1)[-1]) else None
    except ValueError as error:
        raise EndpointRefused(
            refusal.URL_HOST_REFUSED,
            _FIELD,
            f"{raw!r} is no name and no IP address in its usual form; write 192.0.2.1 or a name",
        ) from error
    if literal is None and not _HOST.fullmatch(host):
        raise EndpointRefused(refusal.URL_HOST_REFUSED, _FIELD, f"{raw!r} is not a host name")
    why = address_refusal(host) if literal is not None else None
    if why is not None:
        raise EndpointRefused(refusal.URL_HOST_REFUSED, _FIELD, f"{host} is {why}; notifications are not sent there")
    return host
