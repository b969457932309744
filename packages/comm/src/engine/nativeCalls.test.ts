import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { describeUnless, fromSource } from '@scmoe/testing';
import type { CommFunctions, GlooFunctions } from '@scmoe/native/signatures';
import { describeGloo } from '../testing/gloo.js';
import { findEngineAddon } from './commAddon.js';
import { openGloo } from './gloo.js';

const addons = (['gloo', 'nccl'] as const).map((engine) => {
  const { problem } = findEngineAddon<CommFunctions>(engine, '`npm run build` makes it');
  return { engine, problem };
});

for (const { engine, problem } of addons)
  describeUnless(problem, `calls of the ${engine} addon`, () => {
    it('are refused in every way in which they can be wrong', () => {
      const program = join(import.meta.dirname, '..', 'testing', 'wrongCallsProgram.ts');
      const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...fromSource, program, engine], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      const last = stdout.trimEnd().split('\n').pop();
      if (status !== 0) throw new Error(`ended with ${signal ?? status} at '${last}': ${stderr}`);
      const { tried, functions, ...wrong } = JSON.parse(last!) as Record<string, unknown>;
      process.stdout.write(`${String(tried)} wrong calls of ${String(functions)} functions of the ${engine} addon\n`);
      expect(wrong).toEqual({ bad: [], unknown: [], absent: [] });
      expect(tried).toBeGreaterThan(500);
    });
  });

describeGloo('a collective of the addon', () => {
  const right: Parameters<GlooFunctions['commStart']>[0] = {
    id: 0,
    operation: 'allReduce',
    dtype: 'float32',
    wire: 'float32',
    reduction: 'sum',
    root: 0,
    elements: 4,
    input: new Float32Array(4),
    output: new Float32Array(4),
    timeoutMs: 1000,
  };
  let id = 0;

  beforeAll(() => {
    id = openGloo().addon!.glooOpen({
      onDone: () => undefined,
      group: 'test',
      size: 2,
      rank: 0,
      watchHost: '',
      watchPort: 0,
      watchToken: '',
      serverRank: -1,
      silenceMs: 1000,
      recordFolder: '',
      recordCapacity: 8,
      closeGraceMs: 10,
      listenHost: '127.0.0.1',
    });
  });
  afterAll(() => openGloo().addon!.commRelease({ id }));

  it.each<[string, Partial<typeof right>, string]>([
    ['a short input', { input: new Float32Array(3) }, 'input: expected an array of float32 of at least 4, got 3'],
    ['no output', { output: undefined }, 'output: expected an array of float32 of at least 4, got none'],
    ['another dtype', { input: new Int32Array(4) }, 'input: expected an array of float32 of at least 4, got an array'],
    ['a wire that does not fit', { wire: 'int32' }, 'wire: expected float32, as the data is, got int32'],
    [
      'a short result of an all-gather',
      { operation: 'allGather', recvCounts: [4, 4], output: new Float32Array(7) },
      'output: expected an array of float32 of at least 8, got 7',
    ],
    [
      'a count too few',
      { operation: 'allToAllV', sendCounts: [4], recvCounts: [4, 0] },
      'sendCounts: expected 2 counts',
    ],
    [
      'shares of this rank that differ',
      { operation: 'allToAllV', sendCounts: [2, 2], recvCounts: [3, 1] },
      "recvCounts: expected 2 for this rank's own share, got 3",
    ],
    [
      'counts that overflow',
      { operation: 'allToAllV', sendCounts: [2 ** 40, 2 ** 40], recvCounts: [2 ** 40, 0] },
      'input: expected an array of float32 of at least 2199023255552, got 4',
    ],
    [
      'a share that does not come out even',
      { operation: 'reduceScatter', elements: 3 },
      'elements: expected a multiple',
    ],
    ['a root that is none', { operation: 'broadcast', root: 2 }, 'root: expected a rank below 2, got 2'],
  ])('names %s', (_, wrong, message) => {
    expect(() => openGloo().addon!.commStart({ ...right, id, ...wrong })).toThrow(`commStart: ${message}`);
  });
});
