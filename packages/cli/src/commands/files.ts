import { readFileSync, writeFileSync } from 'node:fs';

import { ArgumentError } from '@scmoe/errors';
import { renderPng } from '@scmoe/scheduler/png';

/** The text of a file. @throws ArgumentError where it can't be read */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ArgumentError(`can't read ${path}: ${(error as Error).message}`);
  }
}

/** Writes an SVG as it is, or as PNG where the file is called so. */
export async function writePicture(path: string, svg: string): Promise<void> {
  const content = path.endsWith('.png') ? await renderPng(svg) : svg;
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw new ArgumentError(`can't write ${path}: ${(error as Error).message}`);
  }
}
