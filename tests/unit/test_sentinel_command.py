"""What the sentinel's command makes of its addresses."""

import pytest
import typer

from nfvi_ha.cli.sentinel import _address


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mgmt=192.0.2.1", ("mgmt", "192.0.2.1")),
        ("mgmt=fd00::1", ("mgmt", "fd00::1")),
        ("mgmt=127.0.0.0/8", ("mgmt", "127.0.0.1")),
        ("mgmt=127.0.0.9/8", ("mgmt", "127.0.0.1")),
    ],
)
def test_an_address_is_taken_and_of_a_cidr_the_one_that_is_ours(text: str, wanted: tuple[str, str]) -> None:
    assert _address(text) == wanted


@pytest.mark.parametrize("text", ["mgmt", "mgmt=host.example.com", "mgmt=192.0.2.0/33", "mgmt=203.0.113.0/24"])
def test_what_is_no_address_of_ours_is_refused_with_what_was_given(text: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        _address(text)
    assert text in str(caught.value)
