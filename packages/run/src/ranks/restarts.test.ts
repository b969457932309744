import { temporaryFolder } from '@scmoe/testing';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openRestarts } from './restarts.js';

const folder = temporaryFolder();

/** A run folder with an empty checkpoint: listing looks at names and the index file alone. */
function makeRun(name: string): { run: string; checkpoint: string } {
  const run = join(folder.path, name);
  const checkpoint = join(run, 'checkpoints', 'step-000005');
  mkdirSync(checkpoint, { recursive: true });
  writeFileSync(join(checkpoint, 'checkpoint.json'), '{}');
  return { run, checkpoint };
}

const first = { SCMOE_RUN_ID: 'abc', SCMOE_RESTART_COUNT: '0' };
const second = { SCMOE_RUN_ID: 'abc', SCMOE_RESTART_COUNT: '1' };
const hidden = () => readdirSync(folder.path).filter((name) => name.startsWith('.'));

describe('openRestarts', () => {
  it('finds the run of its own launch, from the second start on', async () => {
    const { run, checkpoint } = makeRun('own');
    await openRestarts(folder.path, first).remember(run);
    expect(await openRestarts(folder.path, first).lastCheckpoint()).toBeUndefined();
    expect(await openRestarts(folder.path, second).lastCheckpoint()).toBe(checkpoint);
    expect(await openRestarts(folder.path, { ...second, SCMOE_RUN_ID: 'other' }).lastCheckpoint()).toBeUndefined();
  });

  it('knows no run where the first start did not get so far, whatever an earlier launch has left', async () => {
    await openRestarts(folder.path, first).remember(makeRun('earlier').run);
    await openRestarts(folder.path, first).remember(undefined);
    expect(await openRestarts(folder.path, second).lastCheckpoint()).toBeUndefined();
  });

  it('tells the launcher the step of a whole checkpoint, where it wants to know', async () => {
    const note = join(folder.path, 'progress');
    await openRestarts(folder.path, { ...first, SCMOE_PROGRESS_FILE: note }).tell(120);
    expect(readFileSync(note, 'utf8')).toBe('120');
    await openRestarts(folder.path, first).tell(121);
    await openRestarts(folder.path, { SCMOE_PROGRESS_FILE: join(folder.path, 'gone', 'progress') }).tell(122);
    expect(readFileSync(note, 'utf8')).toBe('120');
  });

  it('leaves nothing behind when the run has ended, and nothing at all without a launcher', async () => {
    await openRestarts(folder.path, first).forget();
    expect(hidden()).toEqual([]);
    const alone = openRestarts(folder.path, {});
    await alone.remember(makeRun('alone').run);
    expect(hidden()).toEqual([]);
    expect(await alone.lastCheckpoint()).toBeUndefined();
  });
});
