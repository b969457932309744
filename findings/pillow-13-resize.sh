#!/bin/bash
# Pillow 12.3.0 and 13.0.0 resize the same picture to other pixels. Since 13 the columns are summed before the lines where a
# picture loses more than twice as many lines as columns (a portrait photograph 427 x 640 made 224 x 224); what the first pass
# gives is rounded to 8 bits. So "Pillow's bilinear" is two things, and a reference made with one fails with the other.
# Seen (noise of a fixed seed, 427 x 640 to 224 x 224): bilinear up to 1 level, lanczos up to 10; landscape 640 x 427: none.
# Prints what it sees and fails where that has changed. Needs python3 with venv, and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/resize.py" <<'PY'
import random, sys
from PIL import Image
random.seed(0)
noise = random.randbytes(427 * 640 * 3)
for size in ((427, 640), (640, 427)):
    for name, resample in (("bilinear", 2), ("lanczos", 1)):
        out = Image.frombytes("RGB", size, noise).resize((224, 224), resample).tobytes()
        open(f"{sys.argv[1]}-{size[0]}-{name}", "wb").write(out)
PY
for version in 12.3.0 13.0.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install -q --disable-pip-version-check "pillow==$version"
  "$folder/$version/bin/python" "$folder/resize.py" "$folder/out-$version"
done
python3 - "$folder" <<'PY'
import sys
read = lambda version, case: open(f"{sys.argv[1]}/out-{version}-{case}", "rb").read()
largest = {
    case: max(abs(a - b) for a, b in zip(read("12.3.0", case), read("13.0.0", case)))
    for case in ("427-bilinear", "427-lanczos", "640-bilinear", "640-lanczos")
}
print(largest)
portrait, landscape = largest["427-bilinear"], largest["640-bilinear"]
sys.exit(not (portrait == 1 and largest["427-lanczos"] > 1 and landscape == largest["640-lanczos"] == 0))
PY
