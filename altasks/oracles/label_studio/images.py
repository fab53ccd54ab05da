"""Images that only this machine has, brought to the server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from altasks.oracles.label_studio.server import Server


def is_address(sample: Any) -> bool:
    """Whether browsers can open a sample as it is."""
    return isinstance(sample, str) and ("://" in sample or sample.startswith("/data/"))


def uploaded(server: Server, project: int, name: str, sample: Any) -> str:
    """Upload an image to a project, and return its address there.

    A file is sent as it is, so that nobody sees other pixels than its owner; anything else as PNG.

    Args:
        server: where to.
        project: the id.
        name: of the sample.
        sample: a path, a PIL image, an array, or a mapping with one as `image`.

    Raises:
        UnreadableSampleError: for what is no image.
        ToolError: if the server doesn't take it.
    """
    from altasks.data.images import image_size, open_image

    if isinstance(sample, Mapping) and "image" in sample:
        sample = sample["image"]
    if isinstance(sample, str | os.PathLike):
        path = Path(sample)
        image_size(path)  # a file that is no image is an error here, not in the browser
        file = path.name, path.read_bytes()
    else:
        buffer = BytesIO()
        open_image(sample).save(buffer, "PNG")
        safe = "".join(sign if sign.isalnum() else "_" for sign in name)[-60:]
        file = f"{safe}.png", buffer.getvalue()
    doing = f"uploading {name!r}"
    found = server.send(
        "POST", f"api/projects/{project}/import", doing,
        params={"commit_to_project": "false"}, file=file,
    )  # fmt: skip
    (number,) = found["file_upload_ids"]
    there = server.get(f"api/import/file-upload/{number}", doing)
    return f"/data/{there['file']}"
