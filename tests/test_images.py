"""Images: what is converted, what is refused, and what a path may not reach. All are made in code."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

from curatekit.images import MAX_PIXELS, BadImage, decoded, stored_bytes  # noqa: E402


def saved(image: Any, kind: str = "PNG", **how: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return stream.getvalue()


def noise(shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header says width × height, black: a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def test_rgb_and_grey_are_as_they_were() -> None:
    pixels = noise((5, 7, 3))
    image, conversions = decoded(saved(Image.fromarray(pixels)))
    assert (np.asarray(image) == pixels).all()
    assert conversions == ()
    grey, conversions = decoded(saved(Image.fromarray(pixels[:, :, 0])))
    assert (np.asarray(grey) == pixels[:, :, :1]).all()
    assert conversions == ()


def test_transparency_is_white_by_hand() -> None:
    half = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], dtype=np.uint8)
    image, conversions = decoded(saved(Image.fromarray(half)))
    assert np.asarray(image).tolist() == [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]
    assert conversions == ("transparency put on white",)


def test_a_palette_with_a_transparent_colour() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 0), 1)
    image, conversions = decoded(saved(palette, transparency=0))
    assert np.asarray(image).tolist() == [[[255, 255, 255], [40, 50, 60]]]
    assert conversions == ("transparency put on white",)
    assert decoded(saved(palette)).conversions == ()


def test_sixteen_bits_are_cut_to_their_upper_eight() -> None:
    deep = np.array([[0, 255, 256, 65535, 32768]], dtype=np.uint16)
    image, conversions = decoded(saved(Image.fromarray(deep)))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 1, 255, 128]
    assert conversions == ("16 bits cut to 8",)


def test_more_than_sixteen_bits_and_fractions_are_refused() -> None:
    with pytest.raises(BadImage, match="more than 16 bits"):
        decoded(saved(Image.fromarray(np.array([[70_000]], dtype=np.int32)), "TIFF"))
    with pytest.raises(BadImage, match="fractions"):
        decoded(saved(Image.fromarray(np.array([[0.5]], dtype=np.float32)), "TIFF"))


def test_cmyk_is_made_rgb() -> None:
    image, conversions = decoded(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red = np.asarray(image)[4, 4]
    assert red[0] > 240
    assert red[1:].max() < 15
    assert conversions == ("CMYK made RGB",)


def test_an_animation_gives_its_first_frame() -> None:
    first, second = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    image, conversions = decoded(saved(first, "GIF", save_all=True, append_images=[second]))
    assert np.asarray(image)[0, 0].tolist() == [255, 0, 0]
    assert conversions == ("an animation: its first frame",)


def test_exif_turns_the_image() -> None:
    pixels = noise((4, 6, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    image, conversions = decoded(saved(Image.fromarray(pixels), "PNG", exif=exif))
    assert (np.asarray(image) == np.rot90(pixels, -1)).all()
    assert conversions == ("turned as its EXIF says",)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (10_000, 8_000), (8_000, 6_251)])
def test_a_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    assert width * height > MAX_PIXELS
    with pytest.raises(BadImage, match="pixels"):
        decoded(bomb(width, height))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated_anywhere_it_is_refused_or_whole(kind: str) -> None:
    """No cut may raise anything but BadImage; one that still decodes has every pixel (what is missing is the file's trailer)."""
    data = saved(Image.fromarray(noise((16, 16, 3))), kind)
    whole = np.asarray(decoded(data).image)
    refused = 0
    for length in range(1, len(data), max(1, len(data) // 60)):
        try:
            image = decoded(data[:length]).image
        except BadImage:
            refused += 1
        else:
            assert np.asarray(image).shape == whole.shape
    assert refused > 40


@pytest.mark.parametrize("value", [2, 7, 12])
def test_a_tiff_that_is_damaged_anywhere_is_refused_or_read(value: int) -> None:
    """No byte changed may raise anything but BadImage."""
    data = saved(Image.new("RGB", (9, 7), "red"), "TIFF")
    refused = 0
    for place in range(len(data)):
        try:
            decoded(data[:place] + bytes([value]) + data[place + 1 :])
        except BadImage:
            refused += 1
    assert refused


def test_bytes_that_are_no_image() -> None:
    with pytest.raises(BadImage, match="no image of the formats PNG"):
        decoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(BadImage, match="no image of the formats"):
        decoded(b"%!PS-Adobe-3.0 EPSF-3.0\n")  # which Pillow would hand to Ghostscript


def test_where_an_image_may_come_from(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    data = saved(Image.new("RGB", (2, 2)))
    (root / "sub" / "a.png").write_bytes(data)
    (tmp_path / "secret.png").write_bytes(data)
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "empty.png").write_bytes(b"")
    assert stored_bytes("sub/a.png", root) == data
    assert stored_bytes(str(root / "sub" / "a.png"), root) == data
    assert stored_bytes("sub/../sub/a.png", root) == data
    assert stored_bytes(data, root) == data
    assert stored_bytes({"bytes": data, "path": "x.png"}, root) == data
    assert stored_bytes({"bytes": None, "path": "sub/a.png"}, root) == data
    for cell, reason in {
        "../secret.png": "leads out of",
        str(tmp_path / "secret.png"): "leads out of",
        "link.png": "leads out of",
        "https://example.org/a.png": "is an address",
        "file:///etc/passwd": "is an address",
        "data:image/png;base64,AAAA": "is an address",
        "none.png": "there is no file",
        "sub": "is no file",
        "empty.png": "0 bytes",
        "a\0.png": "cannot be read",
        "  ": "there is no image",
    }.items():
        with pytest.raises(BadImage, match=reason):
            stored_bytes(cell, root)
    for nothing in (None, {"bytes": None, "path": None}):
        with pytest.raises(BadImage, match="there is no image"):
            stored_bytes(nothing, root)
    for number in (7, 1.5, {"bytes": None, "path": 7}):
        with pytest.raises(BadImage, match="it is neither bytes nor a path"):
            stored_bytes(number, root)  # type: ignore[arg-type]
    with pytest.raises(BadImage, match="0 bytes"):
        stored_bytes(b"", root)
