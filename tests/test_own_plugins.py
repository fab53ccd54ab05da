"""The pages "write your own": what they show passes the suites, and nothing is left out of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from altasks import abilities, registry
from altasks.abilities import members_of

ROOT = Path(__file__).parents[1]
HOW_TO = ROOT / "docs" / "how-to"
#: The page of each registry; "altasks.strategies" is described by own_strategy.md.
PAGES = {
    "altasks.acquisitions": "own_acquisition.md",
    "altasks.committees": "own_committee.md",
    "altasks.oracles": "own_oracle.md",
    "altasks.pictures": "own_picture.md",
    "altasks.rankers": "own_ranker.md",
    "altasks.readers": "own_reader.md",
    "altasks.stopping_rules": "own_stopping_rule.md",
    "altasks.strategies": "own_strategy.md",
    "altasks.tasks": "own_task.md",
}
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text_of(page):
    return (HOW_TO / page).read_text(encoding="utf-8")


def test_every_kind_has_a_page_that_names_its_entry_point_group_and_suite():
    kinds = [value for value in vars(registry).values() if isinstance(value, registry.Registry)]
    assert {kind.group for kind in kinds} == {*PAGES}
    for group, page in PAGES.items():
        assert f'[project.entry-points."{group}"]' in text_of(page)
        assert re.search(r"from altasks\.testing\.\w+ import \w*Suite", text_of(page)), page
    assert {path.name for path in HOW_TO.glob("own_*.md")} == {*PAGES.values()}


def test_the_pages_use_no_private_name():
    for page in PAGES.values():
        code = "\n".join(BLOCK.findall(text_of(page)))
        assert not re.search(r"altasks[\w.]*\._|import _", code), page


def test_the_page_of_tasks_lists_every_ability_and_its_members():
    pages = "\n".join(text_of(page) for page in PAGES.values())
    for name, ability in vars(abilities).items():
        if isinstance(ability, type) and ability.__module__ == "altasks.abilities":
            assert f"`{name}`" in pages or f"altasks.abilities.{name}`" in pages, name
            for member in members_of(ability):
                assert f"`{member}" in pages, f"{name}.{member}"


@pytest.mark.slow
def test_what_the_pages_show_passes_their_suites(tmp_path):
    """Each page is a test module as it stands: its code, then the suite over it."""
    for page in PAGES.values():
        pytest.importorskip("PIL.Image")
        code = "\n\n".join(BLOCK.findall(text_of(page)))
        (tmp_path / f"test_{Path(page).stem}.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 100
