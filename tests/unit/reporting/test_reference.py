from pathlib import Path

import pytest

from nfvi_ha.reporting import refusal
from nfvi_ha.reporting.reference import PAGE, SCHEMA_FILE, main, rendered

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_the_published_reference_is_up_to_date() -> None:
    page = (REFERENCE / PAGE).read_text()
    for name, text in rendered(page).items():
        assert (REFERENCE / name).read_text() == text, (
            f"run python -m nfvi_ha.reporting.reference docs/reference ({name})"
        )


def test_drift_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / PAGE).write_text((REFERENCE / PAGE).read_text())
    (tmp_path / SCHEMA_FILE).write_text("{}")
    assert main(["--check", str(tmp_path)]) == 1
    assert SCHEMA_FILE in capsys.readouterr().err
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="generated: types"):
        rendered("# Notifications\n")


def test_reasons_of_refusal_are_distinct() -> None:
    assert len(set(refusal.ALL_REASONS)) == len(refusal.ALL_REASONS)
