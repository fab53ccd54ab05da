import io

import pytest
from rich.console import Console

from altasks.cli.demo.board import Board


def board_on(terminal):
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    return console, Board(console, ["random", "BALD"], metric="accuracy", title="seed 7", rounds=2)


def test_away_from_a_terminal_each_finished_row_is_a_plain_line():
    console, board = board_on(False)
    with board:
        board.status("fitting")
        board.add(24, "random", 0.5)
        assert "24 labels" not in console.file.getvalue()
        board.add(24, "BALD", 0.625)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "seed 7"
    assert lines[1].startswith("     24 labels   random 0.500   BALD 0.625   (0:0")
    assert "\x1b" not in console.file.getvalue()
    assert len(lines) == 2


def test_on_a_terminal_the_table_is_drawn_again_and_stays():
    console, board = board_on(True)
    with board:
        board.status("BALD: fine-tuning on 24 labels")
        board.add(24, "random", 0.5)
        board._live.refresh()
        board.add(24, "BALD", 0.625)
    text = console.file.getvalue()
    assert "BALD: fine-tuning on 24 labels" in text
    assert "..." in text  # the arm whose turn it is
    last = text[text.rindex("seed 7") :]
    assert "0.500" in last
    assert "0.625" in last
    assert "fine-tuning" not in last


def test_the_board_lets_go_of_the_terminal_after_an_error():
    _, board = board_on(True)

    def interrupted():
        with board:
            assert board._live.is_started
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not board._live.is_started
