"""Images as a model takes them: RGB, 8 bits, upright, from bytes or a file, and none that is damaged or a bomb."""

from __future__ import annotations

import io
import re
import stat
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curatekit.errors import InputError

MAX_PIXELS = 50_000_000  # of one image, by its header; decoded it takes three to four bytes each
MAX_BYTES = 256 << 20  # of one image as stored
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter alone is a drive
_ORIENTATION = 0x0112  # EXIF
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, KeyError, OverflowError, struct.error)

Stored = bytes | str | Mapping[str, Any]
"""An image in a table: its bytes, a path, or {"bytes": …, "path": …} as the library datasets keeps it."""


class BadImage(InputError):
    """An image that cannot be used; the message is the reason, to stand behind the row's name."""


class Decoded(NamedTuple):
    """An image in RGB, and what was done to it that loses something or turns it, in words."""

    image: Any
    conversions: tuple[str, ...]


def require_pillow() -> None:
    """Raise InputError with what to install where Pillow is absent."""
    try:
        import PIL  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "Reading images needs Pillow, which is not installed. Install it: pip install 'curatekit[images]'"
        ) from error


def stored_bytes(cell: Stored | None, root: Path) -> bytes:
    """Return the bytes of an image as it is stored; a path is looked for in `root`, which it may not leave.

    Raises BadImage when there is none, or nothing in it, when it is neither bytes nor a path, or an address on the net.
    """
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path")
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise BadImage("there is no image")
    if not isinstance(cell, bytes | str):
        raise BadImage("it is neither bytes nor a path")
    data = cell if isinstance(cell, bytes) else _read(cell, root)
    if not data:
        raise BadImage("the image holds 0 bytes")
    if len(data) > MAX_BYTES:
        raise BadImage(f"the image has {len(data):,} bytes, more than {MAX_BYTES:,}")
    return data


def _read(path: str, root: Path) -> bytes:
    if _ADDRESS.match(path):
        raise BadImage(f"{path[:80]!r} is an address, and images are read from files: download them first")
    root = root.resolve()
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root):
            raise BadImage(f"{path!r} leads out of {root}, the folder that images are read from (--image-root)")
        about = file.stat()
        if not stat.S_ISREG(about.st_mode):
            raise BadImage(f"{path!r} is no file")
        if about.st_size > MAX_BYTES:
            raise BadImage(f"{path!r} has {about.st_size:,} bytes, more than {MAX_BYTES:,}")
        return file.read_bytes()
    except FileNotFoundError:
        raise BadImage(f"there is no file {path!r} in {root}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadImage(f"{path!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def decoded(data: bytes) -> Decoded:
    """Return the image in RGB; an animation gives its first frame, transparency white, 16 bits their upper 8.

    Of FORMATS alone. The size is read from the header before anything is decoded. Raises BadImage for what is no image, is
    truncated or damaged, or has more than MAX_PIXELS.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs and damaged metadata where we decide ourselves
            image: Any = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadImage(f"the image is {width:,} × {height:,}, more than {MAX_PIXELS:,} pixels")
            if not width * height:
                raise BadImage("the image has no pixels")
            conversions = []
            if getattr(image, "n_frames", 1) > 1:
                conversions.append("an animation: its first frame")
                image.seek(0)
            image.load()
            if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
                conversions.append("turned as its EXIF says")
                image = ImageOps.exif_transpose(image)
            rgb, how = _rgb(image)
    except Image.DecompressionBombError as error:
        raise BadImage(f"the image has more than {MAX_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise BadImage(f"it is no image of the formats {', '.join(FORMATS)}") from error
    except BadImage:
        raise
    except _DAMAGED as error:
        raise BadImage(f"the image is damaged ({(str(error).splitlines() or [type(error).__name__])[0]})") from error
    return Decoded(rgb, (*conversions, *how))


def _rgb(image: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the image in RGB and what was done; grey and palettes without transparency lose nothing."""
    from PIL import Image

    if image.mode == "RGB" and "transparency" not in image.info:
        return image, ()
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(behind, image.convert("RGBA")).convert("RGB"), ("transparency put on white",)
    if image.mode.startswith("I"):  # 16 bits a pixel, or 32
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise BadImage("the image has more than 16 bits a pixel")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB"), ("16 bits cut to 8",)
    if image.mode == "F":
        raise BadImage("the image holds fractions, and what is white in it is not known")
    return image.convert("RGB"), () if image.mode in ("1", "L", "P") else (f"{image.mode} made RGB",)
