import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import sharp from 'sharp';
import { pack } from 'tar-stream';

import type { ImageSet } from '../ImageSet.js';
import type { ImageSplit } from '../ImageSplit.js';

/** A PNG of one colour, whose red is `level`. */
export function png(level: number, { width = 4, height = 3 } = {}): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: { r: level, g: 0, b: 255 - level } } })
    .png()
    .toBuffer();
}

/** Writes files below a folder, with the folders that they need. */
export async function writeFiles(folder: string, files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

/** A tar file with these files in this order. */
export async function tarOf(files: readonly (readonly [string, string | Uint8Array])[]): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of files) archive.entry({ name }, Buffer.from(content));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Class and red level of each picture of a split, in order. */
export function contentOf(set: ImageSet, split: ImageSplit | undefined): [className: string, red: number][] {
  if (split === undefined) return [];
  const pixels = split.read(Array.from(split.labels.keys()));
  const imageBytes = set.size.height * set.size.width * 3;
  return Array.from(split.labels, (label, i) => [set.classNames[label]!, pixels[i * imageBytes]!]);
}
