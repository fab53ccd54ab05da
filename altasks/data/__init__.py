"""Where samples come from: pools by id, and readers of the files people have.

Sentences that are made up, and those of the package chatterbot-corpus, are in the modules
`altasks.data.made_up` and `altasks.data.chatterbot`.
"""

from altasks.data.conll import read_conll, write_conll
from altasks.data.lines import lines_from_dataset, read_line_folder, read_line_table
from altasks.data.pool import Pool, as_pool
from altasks.data.records import from_dataset, read_tagged_jsonl
from altasks.data.snips import read_snips
from altasks.data.srl import Frame, SRLSentence, read_srl
from altasks.data.tagged import TaggedSentences
from altasks.data.tags import Span

__all__ = [
    "Frame",
    "Pool",
    "SRLSentence",
    "Span",
    "TaggedSentences",
    "as_pool",
    "from_dataset",
    "lines_from_dataset",
    "read_conll",
    "read_line_folder",
    "read_line_table",
    "read_snips",
    "read_srl",
    "read_tagged_jsonl",
    "write_conll",
]
