#!/usr/bin/env bash
# hyparquet 1.31.5, reading a Parquet column of bytes (BYTE_ARRAY without a logical type, as Hugging Face stores images).
#
# Expected: Uint8Array, as the column says nothing of text.
# Does: by default it decodes the bytes as UTF-8. What is no valid UTF-8, such as the first byte of every PNG and JPEG, becomes
# U+FFFD, and the bytes are lost without an error. With utf8: false they are there.
#
# Output seen, with Node 20.20 and a file of hyparquet-writer 0.17.0:
#   default: string of 8, first code fffd
#   utf8 false: Uint8Array of 8, first byte 89
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts hyparquet@1.31.5 hyparquet-writer@0.17.0 >/dev/null

cat >bytes.mjs <<'JS'
import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';

const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const file = parquetWriteBuffer({ columnData: [{ name: 'image', data: [png], type: 'BYTE_ARRAY' }] });
const [text] = await parquetReadObjects({ file });
console.log(`default: ${typeof text.image} of ${text.image.length}, first code ${text.image.charCodeAt(0).toString(16)}`);
const [bytes] = await parquetReadObjects({ file, utf8: false });
console.log(`utf8 false: ${bytes.image.constructor.name} of ${bytes.image.length}, first byte ${bytes.image[0].toString(16)}`);
JS
node bytes.mjs | tee output
diff output - <<'TXT'
default: string of 8, first code fffd
utf8 false: Uint8Array of 8, first byte 89
TXT
