import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { itOnSmallDisk, temporaryFolder, withSmallDisk } from '@scmoe/testing';
import { lmTrain, startLmTrain } from './testing/lmTrain.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();
const { options } = tinyRun(folder.path);
const long = [...options, '--steps', '1000000'];

/** Waits until the process has printed `text`, or has ended without. */
async function printed({ process, output }: ReturnType<typeof startLmTrain>, text: string): Promise<void> {
  const ended = () => process.exitCode !== null || process.signalCode !== null;
  while (!output().includes(text) && !ended()) await setTimeout(20);
}

describe('the process', () => {
  it('exits with 2 for a wrong command line, without a stack', async () => {
    const { code, err } = await startLmTrain('train', '--nonsense').done;
    expect(code).toBe(2);
    expect(err).toMatch(/unknown option '--nonsense'/);
    expect(err).not.toMatch(/\n +at /);
  });

  it('finishes the step, saves and says how to resume at Ctrl-C', async () => {
    const started = startLmTrain('train', ...long, '--eval-every', '1');
    await printed(started, 'step 1/');
    started.process.kill('SIGINT');
    const { code, out } = await started.done;
    expect(code).toBe(130);
    expect(out).toMatch(/SIGINT: stopping after this step/);
    expect(out).toMatch(/Interrupted by SIGINT after step \d+ of 1000000; saved: .*step-\d+/);
    const resume = /train --resume (\S+)/.exec(out)![1]!;
    const step = Number(/Interrupted by SIGINT after step (\d+)/.exec(out)![1]);
    const resumed = await lmTrain('train', '--resume', resume, '--steps', String(step + 1));
    expect(resumed.out).toContain(`resumed at step ${step}`);
    expect(resumed.code).toBe(0);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGUSR1', 138],
  ] as const)('saves at %s, however often it comes', async (name, status) => {
    const started = startLmTrain('train', ...long, '--eval-every', '1');
    await printed(started, 'step 1/');
    started.process.kill(name);
    // Heard, and what follows is still to be saved: not later, when the process is ending and nobody listens any more.
    await printed(started, `${name}: stopping after this step`);
    for (let again = 0; again < 2; again++) started.process.kill(name);
    const { code, out } = await started.done;
    expect(code).toBe(status);
    const [, step, saved] = new RegExp(`Interrupted by ${name} after step (\\d+) of 1000000; saved: (\\S+)`).exec(out)!;
    expect((await lmTrain('eval', saved!)).code).toBe(0);
    expect(saved).toMatch(new RegExp(`step-0*${step}$`));
  });

  it('goes on when its reader goes, says so once, and saves', async () => {
    const runs = join(folder.path, 'unread');
    const started = startLmTrain('train', ...options, '--steps', '60', '--run-dir', runs);
    await printed(started, 'step 3/');
    started.process.stdout!.destroy();
    const { code, err } = await started.done;
    expect(err).toBe("lm-train: the standard output can't be written (EPIPE); the run goes on.\n");
    expect(code).toBe(0);
    const [run] = readdirSync(runs);
    expect(readdirSync(join(runs, run!, 'checkpoints'))).toEqual(['step-000060']);
  });

  itOnSmallDisk('keeps the last checkpoint when the disk is full', async () => {
    const disk = join(folder.path, 'disk');
    mkdirSync(disk);
    await withSmallDisk(disk, 700, async () => {
      const { code, err } = await lmTrain('train', ...long, '--run-dir', disk, '--save-every', '1', '--keep', '0');
      expect(code).toBe(1);
      expect(err).toMatch(/no space left on the disk/);
      const [run] = readdirSync(disk);
      const checkpoints = readdirSync(join(disk, run!, 'checkpoints'));
      expect(checkpoints.length).toBeGreaterThan(0);
      expect(checkpoints.every((name) => name.startsWith('step-'))).toBe(true);
      expect((await lmTrain('eval', join(disk, run!))).code).toBe(0);
    });
  });
});
