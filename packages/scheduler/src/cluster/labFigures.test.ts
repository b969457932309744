import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { StageKind } from '../graph/stageGraphs.js';
import { measuredMachine, type MeasuredCosts } from './measuredMachine.js';
import type { RunKind } from './pairCosts.js';
import { predictPair } from './predictPair.js';

/** What `npm run bench:overlap` measured of sequential steps: docs/measurements/overlap.md, block pair, share 60 %. */
const file = join(import.meta.dirname, '..', 'testing', 'labPair60.json');
const machine = measuredMachine(JSON.parse(readFileSync(file, 'utf8')) as MeasuredCosts);

type Plan = { slot: number; chunks: number } | undefined;

/** Steps under other plans in ms, from the same run; predictions have to be within 10 % of them. */
const measured: [kind: RunKind, stage: StageKind, topK: number, plan: Plan, ms: number][] = [
  ['train', 'standard', 2, undefined, 920],
  ['train', 'standard', 2, { slot: 0, chunks: 4 }, 709],
  ['train', 'shared', 1, { slot: 1, chunks: 1 }, 626],
  ['train', 'pos1', 1, { slot: 1, chunks: 1 }, 597],
  ['train', 'pos1', 1, { slot: 1, chunks: 3 }, 573],
  ['train', 'pos2', 1, { slot: 2, chunks: 1 }, 549],
  ['train', 'pos3', 1, { slot: 2, chunks: 1 }, 544],
  ['train', 'pos2', 2, { slot: 1, chunks: 1 }, 791],
  ['train', 'pos2', 2, { slot: 1, chunks: 2 }, 728],
  ['train', 'longcat', 1, { slot: 1, chunks: 1 }, 549],
  ['infer', 'standard', 2, undefined, 343],
  ['infer', 'standard', 2, { slot: 0, chunks: 3 }, 238],
  ['infer', 'shared', 1, { slot: 1, chunks: 1 }, 208],
  ['infer', 'pos1', 1, { slot: 1, chunks: 1 }, 199],
  ['infer', 'pos1', 1, { slot: 1, chunks: 3 }, 172],
  ['infer', 'pos2', 1, { slot: 2, chunks: 1 }, 169],
  ['infer', 'pos3', 1, { slot: 2, chunks: 1 }, 169],
  ['infer', 'pos2', 2, { slot: 1, chunks: 1 }, 299],
  ['infer', 'pos2', 2, { slot: 1, chunks: 2 }, 223],
  ['infer', 'longcat', 1, { slot: 1, chunks: 1 }, 166],
];

describe('from the times of sequential steps', () => {
  it.each(measured)('%s %s top-%d under %j is predicted within 10%%: %d ms', (kind, stage, topK, plan, ms) => {
    const mode = plan ? 'overlapped' : 'sequential';
    const { stepMs } = predictPair(machine, { name: '', stage, topK, mode }, kind, plan ? { plan } : {});
    expect(Math.abs(stepMs / ms - 1)).toBeLessThan(0.1);
  });
});
