"""Writes pictures/ and expected.safetensors: what Pillow makes of odd pictures, of other sizes, and of colour operations.

Run with Pillow 13.0.0 and numpy 2.4.6 (Python 3.11), in this folder: python generate.py
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageEnhance, ImageOps

folder = Path(__file__).parent
pictures = folder / "pictures"
random = np.random.default_rng(0)
tensors = {}


def noise(height, width, channels):
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height, width):
    """Colours that change slowly, so that JPEG keeps them, with an edge in them."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], -1).astype(np.uint8)
    rgb[height // 3 : height // 2, width // 4 : width // 2] = (230, 20, 60)
    return rgb


def png(path, array, color_type, depth, palette=None, transparency=None):
    """A PNG in a form that Pillow does not write."""
    height, width = array.shape[:2]
    rows = array.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    if palette is not None:
        content += chunk(b"PLTE", palette)
    if transparency is not None:
        content += chunk(b"tRNS", transparency)
    path.write_bytes(content + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def display_p3():
    """An sRGB profile with the primaries of Display P3 (D50-adapted)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    for i in range(struct.unpack(">I", profile[128:132])[0]):
        tag, offset, _ = struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i])
        if tag in primaries:
            values = [round(v * 65536) for v in primaries[tag]]
            profile[offset + 8 : offset + 20] = struct.pack(">iii", *values)
    return bytes(profile)


def make_pictures():
    rgb = Image.fromarray(smooth(17, 23))
    rgb.save(pictures / "rgb.png")
    for name, options in {
        "rgb-420": {"subsampling": "4:2:0"},
        "rgb-422": {"subsampling": "4:2:2"},
        "rgb-444": {"subsampling": "4:4:4"},
        "progressive": {"progressive": True},
        "display-p3": {"icc_profile": display_p3()},
    }.items():
        rgb.save(pictures / f"{name}.jpg", quality=90, **options)
    rgb.save(pictures / "display-p3.png", icc_profile=display_p3())
    rgb.save(pictures / "lossy.webp", quality=80)
    rgb.convert("L").save(pictures / "gray.png")
    rgb.convert("L").save(pictures / "gray.jpg", quality=90)
    rgb.convert("1").save(pictures / "bilevel.png")
    rgb.convert("CMYK").save(pictures / "cmyk.jpg", quality=90)
    alpha = Image.fromarray(np.dstack([smooth(17, 23), noise(17, 23, 1)]))
    alpha.save(pictures / "rgba.png")
    alpha.save(pictures / "rgba.webp", lossless=True, exact=True)
    alpha.convert("LA").save(pictures / "gray-alpha.png")
    palette = rgb.quantize(13)
    palette.save(pictures / "palette.png")
    palette.save(pictures / "palette-transparent.png", transparency=bytes(random.integers(0, 256, 13, dtype=np.uint8)))
    png(pictures / "gray-transparent.png", smooth(9, 11)[..., 0], 0, 8, transparency=struct.pack(">H", 0))
    png(pictures / "rgb-transparent.png", smooth(9, 11), 2, 8, transparency=struct.pack(">HHH", 230, 20, 60))
    png(pictures / "gray16.png", random.integers(0, 65536, (9, 11)), 0, 16)
    png(pictures / "rgb16.png", random.integers(0, 65536, (9, 11, 3)), 2, 16)
    png(pictures / "rgba16.png", random.integers(0, 65536, (9, 11, 4)), 6, 16)
    png(pictures / "gray-alpha16.png", random.integers(0, 65536, (9, 11, 2)), 4, 16)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.save(pictures / f"orientation-{orientation}.jpg", quality=90, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(pictures / "orientation-6.png", exif=exif)
    rgb.save(pictures / "orientation-6.webp", exif=exif, lossless=True)
    rgb.convert("CMYK").save(pictures / "cmyk-orientation-6.jpg", quality=90, exif=exif)
    Image.fromarray(noise(1, 1, 3)).save(pictures / "one-pixel.png")
    Image.fromarray(noise(1, 1, 3)).save(pictures / "one-pixel.jpg")
    frames = [Image.fromarray(noise(8, 8, 3)) for _ in range(2)]
    frames[0].save(pictures / "animated.webp", save_all=True, append_images=frames[1:], lossless=True)


def as_rgb(path):
    with Image.open(path) as image:
        turned = ImageOps.exif_transpose(image)
        # Mode I;16 has no conversion to RGB that keeps the upper bits: these are what 16-bit colour gives.
        if turned.mode.startswith("I"):
            return np.repeat((np.asarray(turned) >> 8).astype(np.uint8)[..., None], 3, axis=2)
        return np.asarray(turned.convert("RGB"))


def make_sizes():
    filters = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
    sizes = [((13, 19), (7, 8)), ((13, 19), (26, 31)), ((9, 9), (9, 4)), ((9, 9), (17, 9)), ((40, 3), (3, 5))]
    sizes += [((1, 1), (4, 4)), ((5, 7), (1, 1)), ((64, 48), (10, 10)), ((66, 43), (22, 22)), ((64, 43), (22, 22))]
    for i, ((height, width), (new_height, new_width)) in enumerate(sizes):
        array = noise(height, width, 3)
        if i % 2:
            array = (array > 127).astype(np.uint8) * 255  # extremes, so that overshoot is clipped
        tensors[f"resize/{i}/input"] = array
        for name, number in filters.items():
            resized = Image.fromarray(array).resize((new_width, new_height), number)
            tensors[f"resize/{i}/{name}"] = np.asarray(resized)


def make_operations():
    array = noise(12, 15, 3)
    array[..., 1] = array[..., 1] // 2 + 40
    image = Image.fromarray(array)
    tensors["operation/input"] = array
    put = lambda name, result: tensors.__setitem__(f"operation/{name}", np.asarray(result))
    for factor in (0.1, 0.73, 1.0, 1.9):
        put(f"brightness/{factor}", ImageEnhance.Brightness(image).enhance(factor))
        put(f"contrast/{factor}", ImageEnhance.Contrast(image).enhance(factor))
        put(f"saturation/{factor}", ImageEnhance.Color(image).enhance(factor))
    for bits in (4, 7, 8):
        put(f"posterize/{bits}", ImageOps.posterize(image, bits))
    for threshold in (0, 100, 255):
        put(f"solarize/{threshold}", ImageOps.solarize(image, threshold))
    put("autoContrast/0", ImageOps.autocontrast(image))
    for name, amount in (("shearX", 0.27), ("shearX", -0.11), ("shearY", 0.27), ("shearY", -0.11)):
        matrix = (1, amount, 0, 0, 1, 0) if name == "shearX" else (1, 0, 0, amount, 1, 0)
        put(f"{name}/{amount}", image.transform(image.size, Image.Transform.AFFINE, matrix))
    for amount in (3, -4):
        put(f"translateX/{amount}", image.transform(image.size, Image.Transform.AFFINE, (1, 0, amount, 0, 1, 0)))
        put(f"translateY/{amount}", image.transform(image.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, amount)))
    for degrees in (17.5, -30):
        put(f"rotate/{degrees}", image.rotate(degrees))


def save(path):
    header, offset = {"__metadata__": {"pillow": Image.__version__, "numpy": np.__version__}}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "U8", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in tensors.values()))


pictures.mkdir(exist_ok=True)
make_pictures()
for path in sorted(pictures.iterdir()):
    tensors[f"picture/{path.name}"] = as_rgb(path)
make_sizes()
make_operations()
save(folder / "expected.safetensors")
