import { existsSync, readFileSync } from 'node:fs';

/** The runs that a file of JSON lines keeps, none where there is no such file. */
export function readRuns<T>(path: string | undefined): T[] {
  if (path === undefined || !existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as T);
}
