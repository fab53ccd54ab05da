"""An annotation tool in memory: the least that `loop.sync` needs."""

from __future__ import annotations

from altasks.loop import Answer, Answers, ToolState


class Board:
    """Cards in a row, and what people wrote on them; `clock` counts what happened."""

    def __init__(self):
        self.cards, self.said, self.changed, self.clock = [], {}, {}, 0

    def oracle(self):
        return OnBoard(self)

    def _changed(self, name):
        self.clock += 1
        self.changed[name] = self.clock

    def say(self, name, label, annotator, seconds=None):
        mine = self.said.setdefault(name, {})
        mine.pop(annotator, None)
        mine[annotator] = Answer(label, annotator, seconds)
        self._changed(name)

    def skip(self, name, annotator):
        self.say(name, None, annotator)

    def delete(self, name, annotator):
        del self.said[name][annotator]
        self._changed(name)


class OnBoard:
    name = "board"

    def __init__(self, board):
        self.board = board

    def push(self, query):
        board = self.board
        rest = [name for name in board.cards if name not in query.ids]
        board.cards = [*query.ids, *rest]
        board.shown = dict(query.descriptions)

    def pull(self, since=None, *, also=()):
        board = self.board
        new = {name for name, at in board.changed.items() if at > (since or 0)}
        by_id = {name: list(board.said.get(name, {}).values()) for name in {*new, *also}}
        return Answers(by_id, board.clock)

    def state(self):
        said = {name: list(mine.values()) for name, mine in self.board.said.items() if mine}
        answered = [n for n in self.board.cards if any(not x.skipped for x in said.get(n, ()))]
        skipped = [n for n in self.board.cards if n in said and n not in answered]
        return ToolState([n for n in self.board.cards if n not in said], answered, skipped)

    def label(self, query):
        self.push(query)
        said = {name: list(self.board.said.get(name, {}).values()) for name in query.ids}
        return {name: mine[-1].label for name, mine in said.items() if mine and mine[-1].label}
