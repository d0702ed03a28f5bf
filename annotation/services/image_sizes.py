"""How many pixels an image has, read from its header alone.

A picture of some kilobytes can unpack to gigabytes in every browser that shows it, so
its size is known before it is kept. Nothing is decoded here.
"""

import struct
from collections.abc import Callable, Iterator
from typing import IO, Any

# JPEG's frames that carry a size: all of C0 to CF but tables and arithmetic coding's.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # JPEG markers without a length
MOST_SEGMENTS = 10_000  # of a JPEG, filling bytes counted: megabytes of them are none
MOST_BOXES = 1000
DEEPEST = 8
HOLDERS = (b"meta", b"iprp", b"ipco")  # AVIF boxes that lead to the sizes

Size = tuple[int, int]


def size_of(file: IO[bytes], kind: str) -> Size:
    """Return (width, height) of an image.

    Args:
        kind: png, jpg, gif, webp or avif.

    Raises:
        ValueError: where its header is not whole, or says no size.
    """
    file.seek(0)
    try:
        width, height = READERS[kind](file)
    except struct.error as error:
        raise ValueError("its header ends early") from error
    if width < 1 or height < 1:
        raise ValueError(f"its header says {width} x {height} pixels")
    return width, height


def _unpack(form: str, file: IO[bytes]) -> tuple[Any, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _png(file: IO[bytes]) -> Size:
    length, name, width, height = struct.unpack(">8xI4sII", file.read(24))
    if (length, name) != (13, b"IHDR"):
        raise ValueError("its first chunk is not IHDR")
    return width, height


def _gif(file: IO[bytes]) -> Size:
    width, height = struct.unpack("<6xHH", file.read(10))
    return width, height


def _jpg(file: IO[bytes]) -> Size:
    file.seek(2)
    is_marker = False
    for _ in range(MOST_SEGMENTS):
        (marker,) = _unpack("B", file)
        if marker == 0xFF:  # a marker's first byte, or filling before it
            is_marker = True
            continue
        if not is_marker:
            raise ValueError("a segment does not begin with a marker")
        is_marker = False
        if marker in ALONE:
            continue
        if marker in (0xD9, 0xDA):
            raise ValueError("its pixels begin before their size is told")
        (length,) = _unpack(">H", file)
        if marker in FRAMES:
            _, height, width = _unpack(">BHH", file)
            return width, height
        file.seek(max(length - 2, 0), 1)
    raise ValueError(f"it has more than {MOST_SEGMENTS} segments before its size")


def _webp(file: IO[bytes]) -> Size:
    name, *head = struct.unpack("<12x4s4x10B", file.read(30))
    if name == b"VP8X":
        return 1 + _little(head[4:7]), 1 + _little(head[7:10])
    if name == b"VP8L":
        if head[0] != 0x2F:
            raise ValueError("its lossless data has another signature")
        bits = _little(head[1:5])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 " and head[3:6] == [0x9D, 0x01, 0x2A]:
        return _little(head[6:8]) & 0x3FFF, _little(head[8:10]) & 0x3FFF
    raise ValueError("its first chunk holds no picture")


def _little(values: list[int]) -> int:
    return int.from_bytes(values, "little")


def _avif(file: IO[bytes]) -> Size:
    """Return the largest size that any of its pictures says it has."""
    end = file.seek(0, 2)
    sizes = list(_sizes(file, 0, end, [MOST_BOXES], DEEPEST))
    if not sizes:
        raise ValueError("it says no size")
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _sizes(
    file: IO[bytes], at: int, end: int, left: list[int], deeper: int
) -> Iterator[Size]:
    if not deeper:
        raise ValueError(f"its boxes hold each other more than {DEEPEST} deep")
    while at + 8 <= end:
        left[0] -= 1
        if left[0] < 0:
            raise ValueError(f"it holds more than {MOST_BOXES} boxes")
        file.seek(at)
        length, name = _unpack(">I4s", file)
        head = 8
        if length == 1:
            (length,), head = _unpack(">Q", file), 16
        if length == 0:
            length = end - at
        if length < head or at + length > end:
            raise ValueError("a box is longer than what holds it")
        if name == b"ispe":
            width, height = struct.unpack(">4xII", file.read(12))
            yield width, height
        elif name in HOLDERS:
            # `meta` has a version before its boxes.
            start = at + head + 4 * (name == b"meta")
            yield from _sizes(file, start, at + length, left, deeper - 1)
        at += length


READERS: dict[str, Callable[[IO[bytes]], Size]] = {
    "png": _png,
    "jpg": _jpg,
    "gif": _gif,
    "webp": _webp,
    "avif": _avif,
}
