import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import sharp from 'sharp';

/** The options of a run of a second, which keeps everything below `folder`. */
export function tinyRun(folder: string): string[] {
  const model = { 'image-size': 8, 'patch-size': 4, 'patch-stride': 2, 'd-model': 16, 'num-heads': 2, 'num-layers': 2 };
  const training = {
    'num-experts': 2,
    'batch-size': 4,
    steps: 4,
    'eval-batches': 2,
    threads: 1,
    'run-dir': join(folder, 'runs'),
    'cache-folder': join(folder, 'cache'),
  };
  return Object.entries({ ...model, ...training }).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

/** Writes pictures of 12 x 10 pixels, a folder for each colour. @returns the paths of the pictures */
export async function colourFolders(path: string, { count = 6 } = {}): Promise<string[]> {
  const colours = { blue: { r: 0, g: 0, b: 255 }, red: { r: 255, g: 0, b: 0 }, yellow: { r: 255, g: 255, b: 0 } };
  const pictures: string[] = [];
  for (const [name, background] of Object.entries(colours)) {
    mkdirSync(join(path, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const file = join(path, name, `${i}.png`);
      const shade = Object.fromEntries(Object.entries(background).map(([key, level]) => [key, Math.max(0, level - i)]));
      await sharp({ create: { width: 12, height: 10, channels: 3, background: shade } })
        .png()
        .toFile(file);
      pictures.push(file);
    }
  }
  return pictures;
}
