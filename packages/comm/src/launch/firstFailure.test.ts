import { join } from 'node:path';

import { fromSource } from '@scmoe/testing';

import { startLaunch } from '../testing/launches.js';
import { firstFailure } from './firstFailure.js';
import type { Exit } from './ProcessGroup.js';

/** Ranks that end when they are told to. */
function ranksOf(count: number) {
  const ends: ((exit: Partial<Exit>) => void)[] = [];
  const ranks = Array.from({ length: count }, (_, rank) => {
    const exited = new Promise<Exit>((resolve) => ends.push((exit) => resolve({ code: null, signal: null, ...exit })));
    return { rank, group: { exited } };
  });
  return { ranks, ends };
}

describe('firstFailure', () => {
  it('is the first that ends badly where the ranks say nothing', async () => {
    const { ranks, ends } = ranksOf(3);
    const first = firstFailure(ranks, () => undefined);
    ends[0]!({ code: 0 });
    await new Promise(setImmediate);
    ends[2]!({ code: 5 });
    expect(await first).toMatchObject({ rank: { rank: 2 }, exit: { code: 5 } });
  });

  it('is the killed one of several that are reported at once', async () => {
    const { ranks, ends } = ranksOf(2);
    const first = firstFailure(ranks, () => 0);
    ends[0]!({ code: 1 });
    ends[1]!({ signal: 'SIGKILL' });
    expect(await first).toMatchObject({ rank: { rank: 1 } });
  });

  it('is the one that the ranks have seen go first, though another one is gone before it', async () => {
    const { ranks, ends } = ranksOf(2);
    const first = firstFailure(ranks, () => 1);
    ends[0]!({ code: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    ends[1]!({ code: 3 });
    expect(await first).toMatchObject({ rank: { rank: 1 }, exit: { code: 3 } });
  });

  it('is the one that is gone where the other one does not end, ended well, or is not here', async () => {
    for (const [cause, ending] of [
      [1, undefined],
      [1, { code: 0 }],
      [7, undefined],
    ] as const) {
      const { ranks, ends } = ranksOf(2);
      const first = firstFailure(ranks, () => cause);
      ends[0]!({ code: 4 });
      if (ending) ends[1]!(ending);
      expect(await first).toMatchObject({ rank: { rank: 0 }, exit: { code: 4 } });
    }
  });

  it('is, of a launch, the rank that left, though one that heard of it is gone sooner', async () => {
    const program = join(import.meta.dirname, '../testing/leavesSlowly.ts');
    const { code, err } = await startLaunch([process.execPath, ...fromSource, program, '1'], { ranksHere: 2 }).done;
    expect(err).toContain('rank 1 gave up: its process ends with exit code 3');
    expect(err).toMatch(/scmoe: rank 1 failed first: exit status 3/);
    expect(code).toBe(3);
  });
});
