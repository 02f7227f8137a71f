"""Untrusted bytes: what gets through and what does not."""

import base64
import hashlib
import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.errors import CorruptImage, ImageTooLarge, ImageTooSmall, InvalidImage, NotAnImage, UnsupportedImage
from service.images.decode import ImageLimits, content_hash, data_uri_bytes, decode_image, sniff_format
from service.images.jpeg_scans import has_more_scans
from tests.unit.service.images.sample_images import BLUE, RED, encoded, sample_image, two_tone

LIMITS = ImageLimits()
Opener = Callable[[bytes], InvalidImage]


def refusal(data: bytes, limits: ImageLimits = LIMITS) -> InvalidImage:
    with pytest.raises(InvalidImage) as caught:
        decode_image(data, limits)
    return caught.value


def png_header(width: int, height: int, bits: int = 1, colour: int = 0) -> bytes:
    """A PNG that declares a size and holds an empty stream of pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats(format: str) -> None:
    data = sample_image(format=format)
    decoded = decode_image(data, LIMITS)
    assert decoded.image.mode == "RGB" and decoded.image.size == (32, 24) == (decoded.width, decoded.height)
    assert decoded.format == format.lower() == sniff_format(data)
    assert decoded.content_hash == hashlib.sha256(data).hexdigest() == content_hash(data)
    assert all(abs(a - b) < 12 for a, b in zip(decoded.image.getpixel((5, 5)) or (), RED, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "ICO", "PDF", "EPS", "JPEG2000", "AVIF"])
def test_other_formats_are_named_as_unsupported(format: str) -> None:
    assert isinstance(refusal(sample_image(format=format, size=(32, 32))), UnsupportedImage)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"hello",
        b"<html>",
        b"8BP",
        b"\x89PNG",
        b"RIFF\x00\x00\x00\x00WAVE",
        sample_image()[1:],
        b"P6 4 4 255 " + b"\0" * 48,
    ],
)
def test_what_is_no_image(data: bytes) -> None:
    assert isinstance(refusal(data), NotAnImage)


@pytest.mark.parametrize("data", [b"8BPS\0\1", b"SIMPLE  = T", b"%!PS-Adobe", b"MM\0*", b"\0\0\0\x18ftypheic"])
def test_dangerous_formats_never_reach_a_decoder(data: bytes) -> None:
    assert isinstance(refusal(data + b"\0" * 100), UnsupportedImage)


def test_a_small_file_with_huge_dimensions_is_refused_from_its_header() -> None:
    bomb = encoded(Image.new("1", (9000, 9000)))
    assert len(bomb) < 20_000
    tracemalloc.start()
    error = refusal(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, ImageTooLarge) and "40 million pixels" in error.detail
    assert peak < 2_000_000


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1), (89_478_486, 1)])
def test_bombs_beyond_pillows_own_limits(size: tuple[int, int]) -> None:
    assert isinstance(refusal(png_header(*size)), ImageTooLarge)


def test_broken_exif_writes_nothing_to_stderr(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(encoded(two_tone(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"))
    code = "import sys; from service.images.decode import *; "
    code += "print(decode_image(open(sys.argv[1], 'rb').read(), ImageLimits()).image.size)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True, text=True)
    assert (done.stdout, done.stderr) == ("(60, 30)\n", "")


@pytest.mark.parametrize("size", [(1, 1), (2, 100), (100, 2)])
def test_too_small(size: tuple[int, int]) -> None:
    error = refusal(sample_image(size=size))
    assert isinstance(error, ImageTooSmall) and "at least 3 pixels" in error.detail


def test_too_many_bytes_are_not_even_sniffed() -> None:
    error = refusal(b"x" * 2000, ImageLimits(max_bytes=1999))
    assert isinstance(error, ImageTooLarge)


def test_too_many_jpeg_scans() -> None:
    data = sample_image(format="JPEG")
    assert isinstance(refusal(data[:-2] + b"\xff\xda\0\2" * 200 + data[-2:]), ImageTooLarge)


@pytest.mark.parametrize("progressive", [False, True])
def test_scans_are_counted_in_the_image_alone(progressive: bool) -> None:
    """A motion photo has a video behind its image; a thumbnail's scans lie inside a segment."""
    image = encoded(two_tone(), "JPEG", progressive=progressive)
    thumbnail = b"Exif\0\0" + b"\xff\xda\0\2" * 200
    inside = image[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + image[2:]
    for data in (image + b"\0\0\0\x18ftypmp42" + b"\xff\xda\x11" * 1000, inside):
        assert decode_image(data, LIMITS).image.size == (60, 30)
    assert not has_more_scans(image, 20) and has_more_scans(image, 5 if progressive else 0)


def test_too_many_jpeg_segments() -> None:
    data = sample_image(format="JPEG")
    assert isinstance(refusal(data[:2] + b"\xff\xfe\0\2" * 6000 + data[2:]), ImageTooLarge)


@pytest.mark.parametrize(
    "label",
    [
        "application/octet-stream",
        "",
        "image/pjpeg",
        "image/x-png",
        "image/JPG",
        "text/plain",
        "image/webp;charset=utf-8",
    ],
)
def test_the_bytes_of_a_data_uri_decide_and_not_its_label(label: str) -> None:
    encoded_bytes = base64.b64encode(sample_image()).decode()
    assert decode_image(data_uri_bytes(f"data:{label};base64,{encoded_bytes}", LIMITS), LIMITS).format == "png"
    svg = base64.b64encode(b"<svg/>").decode()
    with pytest.raises(UnsupportedImage):
        decode_image(data_uri_bytes(f"data:{label};base64,{svg}", LIMITS), LIMITS)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_files_that_break_off(format: str) -> None:
    data = encoded(two_tone((200, 100)), format)
    for cut in (len(data) // 2, len(data) * 4 // 5):
        assert isinstance(refusal(data[:cut]), CorruptImage)


def test_texts_hold_nothing_of_the_decoder() -> None:
    data = bytearray(encoded(two_tone((200, 100)), "JPEG"))
    data[20:60] = bytes(40)
    error = refusal(bytes(data))
    assert not any(word in error.detail for word in ("0x", "BytesIO", "PIL", "/", "Error"))


@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBPVP8 ", b""])
)
def test_any_bytes_give_an_image_or_a_refusal(tail: bytes, head: bytes) -> None:
    refusal(head + tail)


@given(st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_a_flipped_byte_gives_an_image_or_a_refusal(position: int, value: int, format: str) -> None:
    data = bytearray(encoded(two_tone(), format))
    data[position % len(data)] = value
    try:
        assert decode_image(bytes(data), LIMITS).image.mode == "RGB"
    except InvalidImage as error:
        assert error.detail


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_large_images_are_reduced_with_their_proportions(format: str) -> None:
    decoded = decode_image(encoded(two_tone((1600, 800)), format), ImageLimits(working_side=200))
    assert decoded.image.size == (200, 100) and (decoded.width, decoded.height) == (1600, 800)
    left, right = decoded.image.getpixel((40, 50)), decoded.image.getpixel((160, 50))
    assert (
        isinstance(left, tuple) and isinstance(right, tuple) and left[0] > 180 > left[2] and right[2] > 180 > right[0]
    )


def test_extreme_proportions_keep_the_minimum_side() -> None:
    decoded = decode_image(sample_image(size=(3000, 3)), ImageLimits(working_side=100))
    assert decoded.image.size == (100, 3)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_animations_count_as_their_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (20, 20), RED), Image.new("RGB", (20, 20), BLUE)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50, lossless=True)
    assert decode_image(data, LIMITS).image.getpixel((3, 3)) == RED


def test_multi_image_jpegs_of_phones() -> None:
    data = encoded(two_tone(), "MPO", save_all=True, append_images=[two_tone()])
    assert decode_image(data, LIMITS).format == "jpeg"


def test_same_pixels_in_another_shape_have_another_key() -> None:
    flat, tall = sample_image(size=(100, 30)), sample_image(size=(30, 100))
    assert decode_image(flat, LIMITS).content_hash != decode_image(tall, LIMITS).content_hash


def test_no_metadata_survives() -> None:
    image = two_tone()
    exif = image.getexif()
    exif[0x8825] = {1: "N"}
    decoded = decode_image(encoded(image, "JPEG", exif=exif, comment=b"secret"), LIMITS)
    assert decoded.image.info == {} and not decoded.image.getexif()
    assert b"secret" not in encoded(decoded.image, "JPEG")


def test_a_text_bomb_in_a_png_is_refused() -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(64 * 2**20), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = sample_image()
    tracemalloc.start()
    with io.BytesIO() as joined:
        joined.write(data[:33] + chunk + data[33:])
        error = refusal(joined.getvalue())
    assert isinstance(error, ImageTooLarge) and "unpacks to more than 1 MiB" in error.detail
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()
