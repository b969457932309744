import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'reference');
const folder = join(root, 'checkpoints');

/**
 * Path of the reference checkpoint `name`, a folder as transformers saves it, with what transformers computes from it.
 *
 * @throws Error where there is no such checkpoint.
 */
export function referenceCheckpoint(name: string): string {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  throw new Error(`reference checkpoint: expected one of ${readdirSync(folder).join(', ')}, got ${name}`);
}

/**
 * Path of the reference adapter `name`, a folder as PEFT saves it, with what PEFT computes with it.
 *
 * @throws Error where there is no such adapter.
 */
export function referenceAdapter(name: string): string {
  const path = join(root, 'adapters', name);
  if (existsSync(path)) return path;
  throw new Error(`reference adapter: expected one of ${readdirSync(join(root, 'adapters')).join(', ')}, got ${name}`);
}

/**
 * Path of the reference file of GGUF `name`, as gguf-py writes it.
 *
 * @throws Error where there is no such file.
 */
export function referenceGguf(name: string): string {
  const path = join(root, 'gguf', name, 'model.gguf');
  if (existsSync(path)) return path;
  throw new Error(`reference GGUF: expected one of ${readdirSync(join(root, 'gguf')).join(', ')}, got ${name}`);
}

/** Names of the reference checkpoints that no test reads, each with the reason. */
export function unreadCheckpoints(): Record<string, string> {
  return JSON.parse(readFileSync(join(root, 'unread.json'), 'utf8')) as Record<string, string>;
}
