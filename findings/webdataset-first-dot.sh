#!/usr/bin/env bash
# webdataset 1.0.2 (Python): which files of a tar archive make a sample.
#
# Expected: img.0001.jpg and img.0001.cls are sample img.0001, img.0002.jpg and img.0002.cls the next: the extension begins at
# the last dot, as everywhere.
# Does: the key ends at the FIRST dot of the file's name. All four files are one sample `img` with fields `0001.jpg` and so on:
# a data set of a million such images is one sample, without an error.
#
# Output seen, with Python 3.11:
#   img: 0001.cls 0001.jpg 0002.cls 0002.jpg
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check webdataset==1.0.2

cat >samples.py <<'PY'
import io, tarfile, webdataset

with tarfile.open('set.tar', 'w') as tar:
    for name in ['img.0001.jpg', 'img.0001.cls', 'img.0002.jpg', 'img.0002.cls']:
        info = tarfile.TarInfo(name)
        info.size = len(name)
        tar.addfile(info, io.BytesIO(name.encode()))
for sample in webdataset.WebDataset('set.tar', shardshuffle=False):
    print(f"{sample['__key__']}:", *sorted(name for name in sample if not name.startswith('__')))
PY
venv/bin/python samples.py | tee output
diff output - <<'TXT'
img: 0001.cls 0001.jpg 0002.cls 0002.jpg
TXT
