"""Which tasks can be ranked from the shell: a new one adds its module and its entry here."""

from __future__ import annotations

from altasks.cli.rank_request import Ranker
from altasks.cli.rankers import image_classification as images
from altasks.cli.rankers import object_detection as boxes
from altasks.cli.rankers import ocr as lines
from altasks.cli.rankers import segmentation as maps
from altasks.cli.rankers import tagging as words
from altasks.cli.rankers import text_classification as texts
from altasks.errors import UnknownNameError
from altasks.registry import TASKS

#: Task name -> what the shell must know of it.
RANKERS: dict[str, Ranker] = {
    "image-classification": Ranker(
        build=images.build_image_classification,
        read=images.read_image_folder,
        fields=images.image_fields,
        classes=images.image_classes,
        reason=images.closest_classes,
        options=frozenset({"dropout", "passes", "sheet", "views"}),
    ),
    "ner": Ranker(
        build=words.build_ner,
        read=words.read_sentences,
        fields=words.sentence_fields,
        classes=words.span_labels,
        reason=words.doubtful_spans,
        options=frozenset({"dropout", "passes", "text_column"}),
    ),
    "object-detection": Ranker(
        build=boxes.build_object_detection,
        read=images.read_image_folder,
        fields=images.image_fields,
        classes=boxes.box_labels,
        reason=boxes.closest_calls,
        scorer=boxes.BoxScorer,
        # Of dropout it says why not.
        options=frozenset({"class_weights", "conf", "dropout", "image_size", "reduce", "sheet"}),
    ),
    "segmentation": Ranker(
        build=maps.build_segmentation,
        read=maps.read_images,
        fields=maps.image_fields,
        classes=maps.mask_classes,
        reason=maps.mask_reason,
        scorer=maps.map_scorer,
        options=frozenset({"class_weights", "regions", "sheet"}),
    ),
    "ocr": Ranker(
        build=lines.build_ocr,
        read=lines.read_images,
        fields=lines.line_fields,
        classes=lambda _: [],
        reason=lines.split_readings,
        options=frozenset({"members", "sheet", "text_column"}),
        sheet={"columns": 2, "tile": 600},  # lines are wide and flat
    ),
    "text-classification": Ranker(
        build=texts.build_text_classification,
        read=texts.read_texts,
        fields=lambda sample: {"text": sample},
        classes=texts.text_classes,
        reason=texts.text_reason,
        options=frozenset({"dropout", "passes", "text_column"}),
    ),
}


def find_ranker(task: str) -> Ranker:
    """Return what the shell knows of a task.

    Raises:
        UnknownNameError: naming the tasks that can be ranked from the shell.
    """
    if task in RANKERS:
        return RANKERS[task]
    known = ", ".join(sorted(RANKERS))
    if task in TASKS.names():
        raise UnknownNameError(
            f"--task: {task!r} cannot be ranked from the shell, only {known}. From Python: "
            f'al.score(al.get_task("{task}")(...), pool).'
        )
    raise UnknownNameError(f"--task: expected one of {known}, found {task!r}.")
