#!/bin/bash
# Pillow 13.0.0: a 16-bit gray PNG becomes white with convert("RGB") or convert("L"): levels are cut off at 255, not divided by
# 256, so of 65,536 levels 65,281 are white. A 16-bit RGB PNG keeps its upper 8 bits in the same call, as sharp and libpng do
# with gray as well. A data loader that follows Pillow trains on white pictures and says nothing.
# Seen: gray levels 0, 128, 255, 256, 30000, 65535 -> 0, 128, 255, 255, 255, 255; as RGB -> 0, 0, 0, 1, 117, 255.
# Prints what it sees and fails where that has changed. Needs python3 with venv, and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pillow==13.0.0
"$folder/venv/bin/python" - "$folder" <<'PY'
import struct, sys, zlib
from PIL import Image

levels = [0, 128, 255, 256, 30000, 65535]


def png(path, color_type, samples):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", len(levels), 1, 16, color_type, 0, 0, 0)
    row = b"\0" + struct.pack(f">{len(samples)}H", *samples)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b""))
    return Image.open(path)


gray = png(f"{sys.argv[1]}/gray.png", 0, levels)
rgb = png(f"{sys.argv[1]}/rgb.png", 2, [level for level in levels for _ in range(3)])
seen = {
    "gray to RGB": list(gray.convert("RGB").tobytes()[::3]),
    "gray to L": list(gray.convert("L").tobytes()),
    "RGB": list(rgb.convert("RGB").tobytes()[::3]),
}
print(gray.mode, rgb.mode, seen)
cut = [0, 128, 255, 255, 255, 255]
sys.exit(not (seen["gray to RGB"] == seen["gray to L"] == cut and seen["RGB"] == [0, 0, 0, 1, 117, 255]))
PY
