import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { RgbImage } from '../../RgbImage.js';
import { readTensors } from '../readTensors.js';

const folder = dirname(fileURLToPath(import.meta.url));

/** The odd pictures that generate.py has written. */
export const picturesFolder = join(folder, 'pictures');

/** What Pillow made, by name: `picture/<file>`, `resize/<case>/<filter>`, `operation/<name>/<amount>`. */
export function pillowValues(): Map<string, RgbImage> {
  const { tensors } = readTensors(join(folder, 'expected.safetensors'));
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { height: shape[0]!, width: shape[1]!, data: data as Uint8Array },
    ]),
  );
}
