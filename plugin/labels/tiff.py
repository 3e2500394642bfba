"""What the header of a TIFF says that no image can be made of: multispectral ones have more channels than colours."""

from __future__ import annotations

from pathlib import Path

from PIL.TiffImagePlugin import BITSPERSAMPLE, SAMPLESPERPIXEL, ImageFileDirectory_v2

_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Of BigTIFF, whose header is twice as long
_BIG = 43


def tiff_channels(path: str | Path) -> tuple[int, int] | None:
    """How many channels a TIFF has, and how many bits each; None of another or a damaged file."""
    try:
        with open(path, "rb") as file:
            header = file.read(8)
            if header[:4] not in _STARTS:
                return None
            header += file.read(8) if _BIG in header[2:4] else b""
            tags = ImageFileDirectory_v2(header)
            file.seek(tags.next)
            tags.load(file)
            bits = tags.get(BITSPERSAMPLE, (1,))
            return int(tags.get(SAMPLESPERPIXEL, 1)), int(bits[0])
    # As of other decoders, whatever a damaged file makes it raise
    except Exception:
        return None
