"""Where samples come from: pools by id, and readers of the files people have.

Sentences that are made up, and those of the package chatterbot-corpus, are in the modules
`altasks.data.made_up` and `altasks.data.chatterbot`.
"""

from altasks.data.boxed import BoxedImages
from altasks.data.coco import read_coco, write_coco
from altasks.data.conll import read_conll, write_conll
from altasks.data.lines import lines_from_dataset, read_line_folder, read_line_table
from altasks.data.mask_files import MaskedImages, read_coco_masks, read_masks
from altasks.data.masks import decode_mask, encode_mask
from altasks.data.pool import Pool, as_pool
from altasks.data.records import from_dataset, read_tagged_jsonl
from altasks.data.regions import Division, ImageRegion, clicks, region_labels, region_pool
from altasks.data.snips import read_snips
from altasks.data.srl import Frame, SRLSentence, read_srl
from altasks.data.tagged import TaggedSentences
from altasks.data.tags import Span
from altasks.data.voc import read_voc, write_voc
from altasks.data.yolo import count_yolo, read_yolo, write_yolo

__all__ = [
    "BoxedImages",
    "Division",
    "Frame",
    "ImageRegion",
    "MaskedImages",
    "Pool",
    "SRLSentence",
    "Span",
    "TaggedSentences",
    "as_pool",
    "clicks",
    "count_yolo",
    "decode_mask",
    "encode_mask",
    "from_dataset",
    "lines_from_dataset",
    "read_coco",
    "read_coco_masks",
    "read_conll",
    "read_line_folder",
    "read_line_table",
    "read_masks",
    "read_snips",
    "read_srl",
    "read_tagged_jsonl",
    "read_voc",
    "read_yolo",
    "region_labels",
    "region_pool",
    "write_coco",
    "write_conll",
    "write_voc",
    "write_yolo",
]
