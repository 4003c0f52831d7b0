"""Package sources of this machine, read so that other suites of its own Debian mirror can be asked.

apt's files come in two forms: deb822 (``*.sources``) and one line per source (``*.list``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ARCHIVE: Final = "http://archive.debian.org/debian"
"""Where suites go that mirrors have dropped; asked when this machine's own mirror lacks them."""
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"

_NOT_THE_ARCHIVE: Final = ("security", "-updates", "-backports", "-proposed", "/")


@dataclass(frozen=True, slots=True)
class AptSource:
    """One enabled source. ``signed_by`` is a keyring's path or a key in apt's own notation, "" for apt's default."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    @property
    def is_main_archive(self) -> bool:
        """Whether it is a release of Debian itself, not its security or update suites, nor somebody else's packages."""
        plain = [suite for suite in self.suites if not any(word in suite for word in _NOT_THE_ARCHIVE)]
        return bool(plain) and "main" in self.components and any("debian" in uri for uri in self.uris)

    def stanza(self, kind: str, suite: str) -> str:
        """The deb822 text that asks the same mirror for another suite. ``kind``: "deb" or "deb-src"."""
        lines = [f"Types: {kind}", f"URIs: {' '.join(self.uris)}", f"Suites: {suite}", "Components: main"]
        return "\n".join([*lines, *([f"Signed-By: {self.signed_by}"] if self.signed_by else [])]) + "\n"


def read_sources(directory: Path) -> list[AptSource]:
    """All enabled binary sources under an apt configuration directory (``/etc/apt``)."""
    found: list[AptSource] = []
    for path in sorted((directory / "sources.list.d").glob("*.sources")):
        found += parse_deb822(path.read_text(errors="replace"))
    for path in [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            found += parse_one_line(path.read_text(errors="replace"))
    return found


def mirrors(sources: Iterable[AptSource]) -> list[AptSource]:
    """Mirrors of Debian's main archive in the order to ask them: this machine's own, then the archive of old suites."""
    own = [source for source in sources if source.is_main_archive]
    return [*own, AptSource((ARCHIVE,), (), ("main",), own[0].signed_by if own else KEYRING)]


def parse_deb822(text: str) -> list[AptSource]:
    """Sources of a ``*.sources`` file: stanzas of "Field: value", continued by indented lines, "#" for comments."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    stanzas = [_fields(stanza) for stanza in re.split(r"\n\s*\n", "\n".join(lines)) if stanza.strip()]
    return [
        AptSource(
            uris=tuple(stanza.get("uris", "").split()),
            suites=tuple(stanza.get("suites", "").split()),
            components=tuple(stanza.get("components", "").split()),
            signed_by=stanza.get("signed-by", ""),
        )
        for stanza in stanzas
        if "deb" in stanza.get("types", "").split() and stanza.get("enabled", "yes").lower() not in {"no", "false"}
    ]


def parse_one_line(text: str) -> list[AptSource]:
    """Sources of a ``*.list`` file: ``deb [option=value ...] URI SUITE COMPONENT...``."""
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<parts>[^#]*)", line)
        if match is None:
            continue
        signed_by = re.search(r"signed-by=(\S+)", match["options"] or "")
        found.append(
            AptSource(
                uris=(match["uri"],),
                suites=(match["suite"],),
                components=tuple(match["parts"].split()),
                signed_by=signed_by[1].replace(",", " ") if signed_by else "",
            )
        )
    return found


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1].isspace() and name:  # a key in the file itself, for one; its lines stay as they are
            fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields
