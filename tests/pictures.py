"""Pictures for tests: headers of each type that say a size, and little behind them."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 2, height: int = 2, *, more: bytes = b"") -> bytes:
    """Return a PNG; small ones hold their pixels, large ones only say so."""
    pixels = (b"\0" + b"\0" * width) * height if width * height < 10_000 else b""
    chunks = [
        (b"IHDR", struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body + more


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def jpg(width: int, height: int) -> bytes:
    """Return a JPEG's segments up to its frame, a comment before it."""
    comment = b"\xff\xfe" + struct.pack(">H", 70_000 % 65_536) + b"\xff" * 4462
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + comment + b"\xff\xff\xc0" + frame + b"\xff\xd9"


def webp(width: int, height: int, *, form: str) -> bytes:
    """Return a WebP of the form "lossy", "lossless" or "extended"."""
    if form == "lossy":
        name, data = b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    elif form == "lossless":
        bits = (width - 1) | (height - 1) << 14
        name, data = b"VP8L", b"\x2f" + struct.pack("<I", bits) + b"\0" * 5
    else:
        sides = [(side - 1).to_bytes(3, "little") for side in (width, height)]
        name, data = b"VP8X", b"\0" * 4 + b"".join(sides)
    chunk = name + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def avif(*sizes: tuple[int, int]) -> bytes:
    """Return an AVIF's boxes with a size for each of its pictures."""

    def box(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + name + data

    told = b"".join(box(b"ispe", struct.pack(">4xII", *size)) for size in sizes)
    meta = box(b"meta", b"\0" * 4 + box(b"iprp", box(b"ipco", told)))
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + meta + box(b"mdat", b"pixels")
