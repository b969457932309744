import { spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

import { findAddon } from '@scmoe/tensor';

/** One line that says where the figures were taken. */
export function machineLine(): string {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim() || 'unknown';
  const addon = findAddon().addon as { gemmName: () => string } | undefined;
  const model = cpus()[0]?.model ?? 'unknown CPU';
  const parts = [
    `${cpus().length} cores of ${model}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Node ${process.version}`,
    addon === undefined ? 'no native addon' : `products by ${addon.gemmName()}`,
    `commit ${commit}`,
    new Date().toISOString().slice(0, 10),
  ];
  return parts.join(', ');
}
