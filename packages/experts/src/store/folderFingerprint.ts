import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { fileError } from '@scmoe/trainer';

/** Pages of each file that are looked at, evenly spread over it, and their bytes. */
const numPages = 256;
const pageBytes = 4096;

/**
 * Tells a folder of Hugging Face transformers, or a file of GGUF, from others, without reading all of it: SHA-256 over names and
 * sizes of its config and weights, and over 256 pages of each. Another training changes all weights, and so the pages.
 *
 * @throws UserError where it can't be read
 */
export async function folderFingerprint(path: string): Promise<string> {
  try {
    const isFile = (await stat(path)).isFile();
    const names = isFile ? [''] : (await readdir(path)).filter(isOfModel).sort();
    const hash = createHash('sha256');
    for (const name of names) await addFile(hash, name === '' ? path : join(path, name));
    return hash.digest('hex');
  } catch (error) {
    throw fileError(`read ${path}`, error);
  }
}

function isOfModel(name: string): boolean {
  return name === 'config.json' || name.endsWith('.safetensors');
}

async function addFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    hash.update(`${basename(path)} ${size}\n`);
    const page = Buffer.alloc(pageBytes);
    const last = Math.max(0, size - pageBytes);
    const count = Math.min(numPages, Math.ceil(size / pageBytes));
    for (let i = 0; i < count; i++) {
      const position = count === 1 ? 0 : Math.round((i * last) / (count - 1));
      const { bytesRead } = await file.read(page, 0, pageBytes, position);
      hash.update(page.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
