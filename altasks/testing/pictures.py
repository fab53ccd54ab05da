"""The conformance suite of pictures: inherit it, supply fixtures, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyPicture(PictureSuite):
            @pytest.fixture
            def picture(self):
                return draw_mine

            @pytest.fixture
            def drawn(self):
                return [(sample, description), ...]  # at least two that look different
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from altasks.report import Picture


class PictureSuite:
    """Tests for every picture. Subclass it as `Test...`."""

    @pytest.fixture
    def picture(self) -> Picture:
        """Return the function that draws."""
        raise pytest.UsageError("PictureSuite needs a fixture `picture`")

    @pytest.fixture
    def drawn(self) -> Sequence[tuple[Any, dict[str, Any]]]:
        """Return at least two samples with their descriptions, which look different."""
        raise pytest.UsageError("PictureSuite needs a fixture `drawn`")

    @pytest.fixture
    def classes(self) -> Sequence[str]:
        """Return the classes; none unless overridden."""
        return ()

    def test_it_returns_an_image(
        self, picture: Picture, drawn: Sequence[tuple[Any, dict[str, Any]]], classes: Sequence[str]
    ) -> None:
        """Of at least a pixel, with the classes and without, in a form that can be saved."""
        for sample, description in drawn:
            for names in (classes, ()):
                image = picture(sample, description, classes=names)
                assert image.width > 0
                assert image.height > 0
                assert image.convert("RGB").tobytes()

    def test_the_same_gives_the_same(
        self, picture: Picture, drawn: Sequence[tuple[Any, dict[str, Any]]], classes: Sequence[str]
    ) -> None:
        """Pixel by pixel; and nothing is left behind in the description."""
        for sample, description in drawn:
            before = copy.deepcopy(description)
            one, other = (picture(sample, description, classes=classes) for _ in range(2))
            assert description == before
            assert one.size == other.size
            assert one.convert("RGB").tobytes() == other.convert("RGB").tobytes()

    def test_what_is_described_shows(
        self, picture: Picture, drawn: Sequence[tuple[Any, dict[str, Any]]], classes: Sequence[str]
    ) -> None:
        """One sample with the descriptions of others looks different with each."""
        sample = drawn[0][0]
        looks = {
            (image.size, image.convert("RGB").tobytes())
            for image in (picture(sample, description, classes=classes) for _, description in drawn)
        }
        assert len(looks) == len(drawn)

    def test_it_can_be_put_on_a_sheet(
        self,
        picture: Picture,
        drawn: Sequence[tuple[Any, dict[str, Any]]],
        classes: Sequence[str],
        tmp_path: Any,
    ) -> None:
        """`contact_sheet` takes a task that draws by it."""
        from altasks.report import contact_sheet

        class Draws:
            def picture(self, sample: Any, description: Any) -> Any:
                return picture(sample, description, classes=classes)

        rows = [
            {"id": str(place), "rank": place + 1, "score": 0.5, "prediction": description}
            for place, (_, description) in enumerate(drawn)
        ]
        pool = {str(place): sample for place, (sample, _) in enumerate(drawn)}
        assert contact_sheet(rows, Draws(), tmp_path / "sheet.png", pool=pool).is_file()
