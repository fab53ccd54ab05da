#!/usr/bin/env bash
# ultralytics 8.4.190: once it is imported, PIL answers an image that it can't identify by installing a package.
#
# Code that cleans image folders catches PIL's UnidentifiedImageError. One would guess that importing a library
# of detectors leaves that as it is. Seen: the import replaces PIL.Image.open for the whole process. What PIL
# can't identify, a text named .jpg for instance, is taken for an iPhone's HEIC first: pi-heif is installed with
# pip if that is allowed, and where it isn't (YOLO_AUTOINSTALL=false, as here, or no network) the caller gets
# ModuleNotFoundError, "No module named 'pi_heif'", and not UnidentifiedImageError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ultralytics==8.4.190
cd "$folder"
YOLO_AUTOINSTALL=false YOLO_CONFIG_DIR="$folder" YOLO_VERBOSE=false "$folder/env/bin/python" -W ignore - <<'PYTHON'
import io

from PIL import Image


def error_of(content):
    try:
        Image.open(io.BytesIO(content))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


before = error_of(b"a text, no image")
import ultralytics.utils.patches  # noqa: F401  (any import of its models does the same)

after = error_of(b"a text, no image")
print("before:", before)
print("after: ", after)
assert before.startswith("UnidentifiedImageError")
assert after == "ModuleNotFoundError: No module named 'pi_heif'"
PYTHON
