"""Real short sentences in 12 topics, from the package `chatterbot-corpus` (extra `demo`)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files

from altasks._internal.extras import require


@dataclass(frozen=True)
class Utterances:
    """Distinct sentences and the topic of each.

    Attributes:
        texts: N distinct sentences, ordered by topic, then alphabetically.
        labels: N topics.
        topics: the distinct topics, sorted.
        ambiguous: sentences that were left out because they stand under several topics.
    """

    texts: list[str]
    labels: list[str]
    topics: list[str]
    ambiguous: list[str]


def load_chatterbot(min_utterances: int = 40, language: str = "english") -> Utterances:
    """Return the topics of chatterbot-corpus that have enough distinct utterances.

    Questions and answers both count as utterances. Whitespace is normalised; utterances that
    differ only in case are one (the first in alphabetical order is kept). An utterance that
    stands under several topics ("Yes.", "Who are you?") has no right answer: it is left out of
    all of them and listed in `ambiguous`. Topics are counted after that.

    Args:
        min_utterances: leave out topics with fewer distinct utterances than this.
        language: a folder of the corpus.

    Raises:
        MissingExtraError: if chatterbot-corpus or PyYAML is not installed.

    Example:
        >>> corpus = load_chatterbot()
        >>> len(corpus.topics), corpus.topics[:3]
        (12, ['ai', 'coding', 'computers'])
    """
    yaml = require("yaml", "demo", "Reading chatterbot-corpus")
    require("chatterbot_corpus", "demo", "The corpus of short sentences")
    folder = files("chatterbot_corpus") / "data" / language
    found: dict[str, dict[str, str]] = {}  # topic -> case-folded text -> text
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        topic, dot, ending = file.name.rpartition(".")
        if not dot or ending != "yml":
            continue
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        texts = sorted(
            {
                " ".join(str(utterance).split())
                for conversation in document["conversations"]
                for utterance in conversation
            }
        )
        by_fold = found.setdefault(topic, {})
        for text in texts:
            if text:
                by_fold.setdefault(text.casefold(), text)
    topics_of = Counter(fold for by_fold in found.values() for fold in by_fold)
    kept = {
        topic: sorted(text for fold, text in by_fold.items() if topics_of[fold] == 1)
        for topic, by_fold in found.items()
    }
    kept = {topic: texts for topic, texts in sorted(kept.items()) if len(texts) >= min_utterances}
    return Utterances(
        texts=[text for texts in kept.values() for text in texts],
        labels=[topic for topic, texts in kept.items() for _ in texts],
        topics=list(kept),
        ambiguous=sorted(fold for fold, topics in topics_of.items() if topics > 1),
    )
