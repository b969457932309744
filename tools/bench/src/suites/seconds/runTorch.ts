import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { numPoints, type SecondsRun } from './SecondsRun.js';
import type { SecondsData } from './SecondsTraining.js';

/** The dense model in PyTorch, on the same tokens, for the same time. */
export function runTorch(
  python: string,
  data: SecondsData,
  task: object,
): Pick<SecondsRun, 'curve' | 'numParameters' | 'numActiveParameters'> {
  return callTorch(python, data, task) as ReturnType<typeof runTorch>;
}

/** Seconds of a step of it: the median of so many. */
export function measureTorchPace(
  python: string,
  data: SecondsData,
  task: { paceSteps: number; [option: string]: unknown },
): number {
  return (callTorch(python, data, task) as { pace: number }).pace;
}

function callTorch(python: string, data: SecondsData, task: object): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'scmoe-seconds-'));
  try {
    for (const part of ['train', 'validation'] as const)
      writeFileSync(join(folder, `${part}.i32`), Int32Array.from(data[part].ids));
    const peer = fileURLToPath(new URL('../peers/seconds_torch.py', import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      python,
      [peer, folder, JSON.stringify({ ...task, vocabSize: data.vocabSize, numPoints })],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${python} ${peer} failed: ${stderr}`);
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
