import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { HostArray } from '../data/dtypes.js';

/** The functions that every engine's addon has; see native/bindings/comm/communicator.cc. */
export interface CommAddon {
  commStart(
    id: number,
    operation: number,
    dtype: number,
    wire: number,
    reduction: number,
    root: number,
    input: HostArray | undefined,
    output: HostArray | undefined,
    elements: number,
    sendCounts: number[] | undefined,
    recvCounts: number[] | undefined,
    timeoutMs: number,
  ): number;
  commWait(id: number, sequence: number): void;
  commIsDone(id: number, sequence: number): boolean;
  commAbort(id: number, text: string): void;
  commFailure(id: number): string | undefined;
  commFlightRecord(id: number): string;
  commRelease(id: number): void;
}

/** What each engine's open function takes after its own arguments: `readOptions` in native/bindings/comm/options.h. */
export type OpenOptions = [
  group: string,
  rank: number,
  size: number,
  watchHost: string,
  watchPort: number,
  watchToken: string,
  serverRank: number,
  silenceMs: number,
  recordFolder: string,
  recordCapacity: number,
  closeGraceMs: number,
];

export type EngineAddon<Functions> =
  | { addon: CommAddon & Functions; path: string; problem?: undefined }
  | { addon?: undefined; path: string; problem: string };

/**
 * Opens the addon of an engine. Never throws: `problem` says in one sentence why it can't be used.
 *
 * @param advice what to do where it was not built
 */
export function findEngineAddon<Functions>(engine: 'gloo' | 'nccl', advice: string): EngineAddon<Functions> {
  // `src/engine/` and `dist/` sit at different depths under the package root: take the nearest folder that holds it.
  const name = join('prebuilds', `${process.platform}-${process.arch}`, `scmoe_comm_${engine}.node`);
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, '..', name), join(here, '..', '..', name)];
  const path = candidates.find(existsSync) ?? candidates[0]!;
  if (!existsSync(path)) {
    return { path, problem: `there is no ${engine} addon for ${process.platform}-${process.arch}; ${advice}` };
  }
  try {
    return { addon: createRequire(import.meta.url)(path) as CommAddon & Functions, path };
  } catch (error) {
    return { path, problem: `the ${engine} addon could not be loaded: ${(error as Error).message}; ${advice}` };
  }
}
