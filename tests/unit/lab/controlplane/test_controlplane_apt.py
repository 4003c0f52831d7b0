"""Which Debian mirror a machine uses is read from its apt configuration, whatever form that has."""

from pathlib import Path

import pytest

from nfvi_ha.lab.controlplane.apt import ARCHIVE, AptSource, mirrors, parse_deb822, parse_one_line, read_sources

DEB822 = """\
# written by the installer
Types: deb
# a snapshot, commented out
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://packages.example/tools
Suites: stable
Components: main
"""


def test_main_archive_is_found_in_deb822_and_the_others_are_not_taken_for_it() -> None:
    first, *rest = mirrors(parse_deb822(DEB822))

    assert first.uris == ("http://mirror.example/debian",)
    assert first.signed_by == "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert [mirror.uris for mirror in rest] == [(ARCHIVE,)]


def test_stanza_asks_the_same_mirror_with_the_same_key_for_another_suite() -> None:
    mirror = mirrors(parse_deb822(DEB822))[0]

    assert mirror.stanza("deb-src", "bullseye") == (
        "Types: deb-src\n"
        "URIs: http://mirror.example/debian\n"
        "Suites: bullseye\n"
        "Components: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


@pytest.mark.parametrize(
    ("line", "uri", "signed_by"),
    [
        ("deb http://mirror.example/debian bookworm main", "http://mirror.example/debian", ""),
        ("deb  http://mirror.example/debian/  trixie  main non-free # ours", "http://mirror.example/debian/", ""),
        (
            "deb [arch=amd64 signed-by=/etc/apt/keyrings/own.gpg] https://mirror.example/debian bullseye main",
            "https://mirror.example/debian",
            "/etc/apt/keyrings/own.gpg",
        ),
    ],
)
def test_main_archive_is_found_in_one_line_form(line: str, uri: str, signed_by: str) -> None:
    first = mirrors(parse_one_line(line))[0]

    assert first.uris == (uri,)
    assert first.signed_by == signed_by


@pytest.mark.parametrize(
    "text",
    [
        "# deb http://mirror.example/debian bookworm main",
        "deb-src http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian-security bookworm-security main",
        "deb http://mirror.example/debian bookworm-backports main",
        "deb http://mirror.example/debian bookworm contrib",
        "deb http://packages.example/tools stable main",
        "deb [trusted=yes] file:/srv/debian ./",
        "",
    ],
)
def test_what_is_not_a_main_archive_leaves_only_the_archive_of_old_suites(text: str) -> None:
    assert [mirror.uris for mirror in mirrors(parse_one_line(text))] == [(ARCHIVE,)]


def test_disabled_stanza_is_not_used() -> None:
    assert parse_deb822(DEB822.replace("Types: deb\n", "Types: deb\nEnabled: no\n")) == []


def test_key_within_the_file_is_kept_with_its_line_structure() -> None:
    text = (
        "Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )

    (source,) = parse_deb822(text)

    assert source.stanza("deb", "bullseye").endswith(
        "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )


def test_both_forms_are_read_from_the_configuration_directory(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example/debian bookworm main\n")
    (tmp_path / "sources.list.d" / "two.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "three.list").write_text("deb http://three.example/debian bookworm main\n")
    (tmp_path / "sources.list.d" / "off.list.disabled").write_text("deb http://off.example/debian bookworm main\n")

    uris = [uri for source in read_sources(tmp_path) if source.is_main_archive for uri in source.uris]

    assert sorted(uris) == [
        "http://mirror.example/debian",
        "http://one.example/debian",
        "http://three.example/debian",
    ]


def test_machine_without_any_source_still_has_the_archive() -> None:
    (only,) = mirrors([])

    assert only == AptSource((ARCHIVE,), (), ("main",), "/usr/share/keyrings/debian-archive-keyring.gpg")
