"""Writes Parquet files as the `datasets` library does.

Run with pyarrow 26.0.1, Pillow 13.0.0 (Python 3.11), in this folder: python generate.py
"""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

folder = Path(__file__).parent
image_type = pa.struct({"bytes": pa.binary(), "path": pa.string()})
features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}, "note": {"_type": "Value"}}


def picture(level):
    out = io.BytesIO()
    Image.new("RGB", (4, 3), (level, 0, 255 - level)).save(out, "PNG")
    return out.getvalue()


def write(name, images, labels, features=features, compression="snappy", rows=4):
    columns = {"image": pa.array(images, image_type), "label": pa.array(labels, pa.int64()), "note": pa.array(["x"] * len(labels))}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if features else {}
    table = pa.table(columns).replace_schema_metadata(metadata)
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    pq.write_table(table, path, compression=compression, row_group_size=rows)


def inline(levels):
    return [{"bytes": picture(level), "path": f"{level}.png"} for level in levels]


write("hub/data/train-00000-of-00002.parquet", inline([0, 1, 2, 3, 4, 5]), [0, 1, 0, 1, 1, 0])
write("hub/data/train-00001-of-00002.parquet", inline([6, 7]), [1, 0], compression="zstd")
write("hub/data/test-00000-of-00001.parquet", inline([8, 9]), [0, 1], compression="gzip")
(folder / "beside").mkdir(exist_ok=True)
(folder / "beside/here.png").write_bytes(picture(10))
write("beside/some.parquet", [{"bytes": None, "path": "here.png"}, {"bytes": None, "path": "gone.png"}], [3, 2], features=None)
write("unlabeled.parquet", [*inline([11]), None, *inline([12])], [-1, 0, 1])
