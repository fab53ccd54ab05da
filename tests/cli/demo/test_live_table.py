import io

import pytest
from rich.console import Console

from altasks.cli.demo.live_table import LiveTable


def table_on(terminal):
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    return console, LiveTable(
        console, ["random", "BALD"], metric="accuracy", title="seed 7", rounds=2
    )


def test_away_from_a_terminal_each_finished_row_is_a_plain_line():
    console, table = table_on(False)
    with table:
        table.status("fitting")
        table.add(24, "random", 0.5)
        assert "24 labels" not in console.file.getvalue()
        table.add(24, "BALD", 0.625)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "seed 7"
    assert lines[1].startswith("     24 labels   random 0.500   BALD 0.625   (0:0")
    assert "\x1b" not in console.file.getvalue()
    assert len(lines) == 2


def test_on_a_terminal_the_table_is_drawn_again_and_stays():
    console, table = table_on(True)
    with table:
        table.status("BALD: fine-tuning on 24 labels")
        table.add(24, "random", 0.5)
        table._live.refresh()
        table.add(24, "BALD", 0.625)
    text = console.file.getvalue()
    assert "BALD: fine-tuning on 24 labels" in text
    assert "..." in text  # the arm whose turn it is
    last = text[text.rindex("seed 7") :]
    assert "0.500" in last
    assert "0.625" in last
    assert "fine-tuning" not in last


def test_the_board_lets_go_of_the_terminal_after_an_error():
    _, table = table_on(True)

    def interrupted():
        with table:
            assert table._live.is_started
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not table._live.is_started
