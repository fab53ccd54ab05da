"""Where samples come from: pools by id, and readers of the files people have.

Data made on the spot, for demos and tests, is in `altasks.data.samples`.
"""

from altasks._internal.lazy import keep_old_paths
from altasks.data.boxes.boxed import BoxedImages
from altasks.data.boxes.coco import read_coco, write_coco
from altasks.data.boxes.voc import count_voc, read_voc, write_voc
from altasks.data.boxes.yolo import count_yolo, read_yolo, write_yolo
from altasks.data.label_studio.reading import (
    read_label_studio_choices,
    read_label_studio_lines,
    read_label_studio_numbers,
)
from altasks.data.label_studio.reading_boxes import read_label_studio_boxes
from altasks.data.label_studio.reading_masks import read_label_studio_masks
from altasks.data.labelled_images import read_class_folders, read_image_table
from altasks.data.lines import lines_from_dataset, read_line_folder, read_line_table
from altasks.data.masks.files import MaskedImages, read_coco_masks, read_masks
from altasks.data.masks.masks import decode_mask, encode_mask
from altasks.data.masks.regions import (
    Division,
    ImageRegion,
    clicks,
    estimate_clicks,
    region_labels,
    region_pool,
)
from altasks.data.page_lines.alto import read_alto_lines
from altasks.data.page_lines.page import read_page_lines
from altasks.data.pool import Pool, as_pool
from altasks.data.reading import LabelledPool, Reader, formats, read
from altasks.data.shapes.cvat import read_cvat, read_cvat_masks, read_cvat_tags
from altasks.data.shapes.cvat_writer import write_cvat
from altasks.data.shapes.labelme import read_labelme, read_labelme_masks
from altasks.data.shapes.via import read_via, read_via_files, read_via_masks
from altasks.data.tagging.conll import read_conll, read_conllu, write_conll
from altasks.data.tagging.label_studio import read_label_studio
from altasks.data.tagging.records import from_dataset, read_tagged_jsonl
from altasks.data.tagging.snips import read_snips
from altasks.data.tagging.srl import Frame, SRLSentence, read_srl
from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.tags import Span
from altasks.data.text_tools.argilla import read_argilla, read_argilla_spans, write_argilla
from altasks.data.text_tools.doccano import read_doccano, write_doccano
from altasks.data.text_tools.prodigy import read_prodigy, write_prodigy

__all__ = [
    "BoxedImages",
    "Division",
    "Frame",
    "ImageRegion",
    "LabelledPool",
    "MaskedImages",
    "Pool",
    "Reader",
    "SRLSentence",
    "Span",
    "TaggedSentences",
    "as_pool",
    "clicks",
    "count_voc",
    "count_yolo",
    "decode_mask",
    "encode_mask",
    "estimate_clicks",
    "formats",
    "from_dataset",
    "lines_from_dataset",
    "read",
    "read_alto_lines",
    "read_argilla",
    "read_argilla_spans",
    "read_class_folders",
    "read_coco",
    "read_coco_masks",
    "read_conll",
    "read_conllu",
    "read_cvat",
    "read_cvat_masks",
    "read_cvat_tags",
    "read_doccano",
    "read_image_table",
    "read_label_studio",
    "read_label_studio_boxes",
    "read_label_studio_choices",
    "read_label_studio_lines",
    "read_label_studio_masks",
    "read_label_studio_numbers",
    "read_labelme",
    "read_labelme_masks",
    "read_line_folder",
    "read_line_table",
    "read_masks",
    "read_page_lines",
    "read_prodigy",
    "read_snips",
    "read_srl",
    "read_tagged_jsonl",
    "read_via",
    "read_via_files",
    "read_via_masks",
    "read_voc",
    "read_yolo",
    "region_labels",
    "region_pool",
    "write_argilla",
    "write_coco",
    "write_conll",
    "write_cvat",
    "write_doccano",
    "write_prodigy",
    "write_voc",
    "write_yolo",
]

keep_old_paths(
    __name__,
    {
        "boxed": "altasks.data.boxes.boxed",
        "canvases": "altasks.data.samples.digit_canvases",
        "chatterbot": "altasks.data.samples.chatterbot",
        "coco": "altasks.data.boxes.coco",
        "conll": "altasks.data.tagging.conll",
        "made_up": "altasks.data.samples.sentences",
        "made_up_masks": "altasks.data.samples.masks",
        "mask_files": "altasks.data.masks.files",
        "records": "altasks.data.tagging.records",
        "regions": "altasks.data.masks.regions",
        "rendered": "altasks.data.samples.text_lines",
        "snips": "altasks.data.tagging.snips",
        "srl": "altasks.data.tagging.srl",
        "tagged": "altasks.data.tagging.tagged",
        "tags": "altasks.data.tagging.tags",
        "voc": "altasks.data.boxes.voc",
        "words": "altasks.data.tagging.words",
        "yolo": "altasks.data.boxes.yolo",
    },
)
