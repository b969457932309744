"""Writes expected.safetensors: what transformers' image processors (PIL backend) make of pictures of noise.

Run with transformers 5.24.0, Pillow 13.0.0 and numpy 2.4.6 (Python 3.11), in this folder: python generate.py
"""

import json
import struct
from pathlib import Path

import numpy as np
import transformers
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

random = np.random.default_rng(0)
tensors, configs = {}, {}

cases = {
    "vit": (ViTImageProcessorPil, (30, 41), {"size": {"height": 16, "width": 16}}),
    "vit-portrait": (ViTImageProcessorPil, (61, 40), {"size": 16, "resample": 3}),
    "vit-larger": (ViTImageProcessorPil, (7, 9), {"size": {"height": 12, "width": 20}, "resample": 1}),
    "vit-same": (ViTImageProcessorPil, (16, 16), {"size": 16, "do_rescale": False, "do_normalize": False}),
    "vit-unscaled": (ViTImageProcessorPil, (9, 9), {"do_resize": False, "image_mean": [0.1, 0.2, 0.3], "do_rescale": True}),
    "deit": (DeiTImageProcessorPil, (30, 41), {"size": 20, "crop_size": 15}),
    "clip": (CLIPImageProcessorPil, (23, 31), {"size": 12, "crop_size": 10}),
    "clip-portrait": (CLIPImageProcessorPil, (47, 21), {"size": {"shortest_edge": 12}, "crop_size": {"height": 11, "width": 8}}),
    "clip-padded": (CLIPImageProcessorPil, (20, 20), {"size": 8, "crop_size": 14}),
}
for name, (processor, (height, width), options) in cases.items():
    made = processor(**options)
    image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    tensors[f"{name}/input"] = image
    pixels = np.asarray(made(image, input_data_format="channels_last")["pixel_values"][0], dtype=np.float32)
    tensors[f"{name}/pixels"] = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    # As it was given: a checkpoint's file may say as little.
    configs[name] = {"image_processor_type": processor.__name__, **options}

header, offset = {"__metadata__": {"transformers": transformers.__version__, "configs": json.dumps(configs)}}, 0
for name, array in tensors.items():
    dtype = {"uint8": "U8", "float32": "F32"}[str(array.dtype)]
    header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
    offset += array.nbytes
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
content = struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in tensors.values())
(Path(__file__).parent / "expected.safetensors").write_bytes(content)
