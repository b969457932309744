import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { networkLabProblem, withNetworkLab } from '@scmoe/netlab';

import { describeOrSkip, fromSource } from '@scmoe/testing';
import { describeGloo } from '../testing/gloo.js';

const size = 3;
const timeoutMs = 8000;
// 8 MiB from each rank to each: 1.4 s at this rate, so that the ranks that are still connected are done long before the
// time-out, and the third of them is cut off in the middle.
const rate = '100mbit';
const elements = 6 * 2 ** 20;

interface Outcome {
  code: string;
  message: string;
  ranks: number[];
  afterMs: number;
}

/** What every rank has said, with rank 2 cut off in the middle of an all-to-all. */
function runIntoCutLink(): Promise<Outcome[]> {
  return withNetworkLab({ ranks: size, rate }, async (lab) => {
    const folder = join(import.meta.dirname, '..', 'testing');
    const node = [...fromSource, join(folder, 'cutProgram.ts')];
    const ranks = Array.from({ length: size }, (_, rank) =>
      lab.start(rank, process.execPath, [...node, String(timeoutMs), String(elements)], {
        env: { NODE_OPTIONS: '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const outputs = ranks.map(({ stdout }) => text(stdout!));
    await Promise.all(ranks.map(({ stdout }) => once(stdout!, 'data')));
    lab.cut(2);
    return (await Promise.all(outputs)).map((output) => JSON.parse(output.trim().split('\n').at(-1)!) as Outcome);
  });
}

const problem = networkLabProblem();
const describeLab = (name: string, tests: () => void) =>
  problem === undefined ? describeGloo(name, tests) : describeOrSkip(problem, name, tests);

describeLab('a link that is cut in the middle of an all-to-all', () => {
  let outcomes: Outcome[];

  beforeAll(async () => {
    outcomes = await runIntoCutLink();
  });

  it('gives the ranks that stay connected an error that names the unreachable rank', () => {
    for (const { code, message } of outcomes.slice(0, 2)) {
      // The first to run out of time tells the other.
      expect(['SCMOE_COMM_TIMEOUT', 'SCMOE_COMM_ABORTED']).toContain(code);
      expect(message).toMatch(/rank 2 did not take part in time \(time-out 8000 ms\)/);
    }
  });

  it('gives the rank that is cut off an error that names those it does not reach', () => {
    expect(outcomes[2]!.code).toBe('SCMOE_COMM_TIMEOUT');
    expect(outcomes[2]!.ranks).toEqual([0, 1]);
  });

  it('waits for the time-out: until then the link may come back', () => {
    for (const { afterMs } of outcomes) expect(afterMs).toBeGreaterThanOrEqual(timeoutMs - 10);
  });
});
