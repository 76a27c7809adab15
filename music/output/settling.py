"""Takes out of finished files what differs from one writing to the next, so that equal sound means equal bytes: the
time in a float WAV's PEAK chunk, and the random number by which an Ogg stream is called."""

import mmap
import zlib
from pathlib import Path

#: "tuti", as good a name as any.
OGG_SERIAL = (0x69747574).to_bytes(4, "little")
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def settle(path: Path, container: str) -> None:
    if container not in {"WAV", "OGG"}:
        return
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        if container == "WAV":
            _settle_wav(data)
        else:
            _settle_ogg(data)


def _settle_wav(data: mmap.mmap) -> None:
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name == b"PEAK":
            data[place + 12 : place + 16] = bytes(4)
        if name == b"data":
            return
        place += 8 + size + size % 2


def _settle_ogg(data: mmap.mmap) -> None:
    place = 0
    while place + 27 <= len(data) and data[place : place + 4] == b"OggS":
        segments = data[place + 26]
        size = 27 + segments + sum(data[place + 27 : place + 27 + segments])
        page = bytearray(data[place : place + size])
        page[14:18] = OGG_SERIAL
        page[22:26] = bytes(4)
        page[22:26] = _ogg_checksum(page).to_bytes(4, "little")
        data[place : place + size] = bytes(page)
        place += size


def _ogg_checksum(page: bytearray) -> int:
    """Ogg's CRC has zlib's polynomial, but takes the bits of a byte from the other end and starts from nothing."""
    raw = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{raw:032b}"[::-1], 2)
