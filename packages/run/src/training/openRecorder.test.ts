import { createRunFolder, readMetricsFile } from '@scmoe/trainer';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@scmoe/testing';

import { openRecorder } from './openRecorder.js';

const folder = temporaryFolder();

/** `session_log { status: START }` of event.proto, in an event: where a reader forgets what was at its step and later. */
const sessionStart = '3a020801';

describe('openRecorder', () => {
  it('begins a session of TensorBoard at every start and every way back, the first start too', async () => {
    const run = await createRunFolder(folder.path, 'sessions', {});
    const stepsOfSessions = () =>
      readdirSync(run.tensorBoardFolder)
        .sort()
        .map((name) => {
          const hex = readFileSync(join(run.tensorBoardFolder, name)).toString('hex');
          return [...hex.matchAll(new RegExp(`10(..)${sessionStart}`, 'g'))].map((match) => parseInt(match[1]!, 16));
        });
    const first = openRecorder(run, 0, () => undefined);
    for (const step of [1, 2, 3]) first.record(step, { loss: step });
    first.restartAt(1);
    first.record(2, { loss: 20 });
    first.close();
    const second = openRecorder(run, 1, () => undefined);
    second.record(2, { loss: 200 });
    second.close();
    expect(stepsOfSessions()).toEqual([[1, 2], [2]]);
    expect(readMetricsFile(run.metricsFile)).toEqual([
      { step: 1, loss: 1 },
      { step: 2, loss: 200 },
    ]);
  });

  it('goes on when nothing can be written, says so once, and writes again when it can', async () => {
    const run = await createRunFolder(folder.path, 'lm', {});
    const problems: string[] = [];
    const recorder = openRecorder(run, 0, (problem) => problems.push(problem));
    recorder.record(1, { loss: 1 });
    expect(recorder.problem()).toBeUndefined();
    rmSync(run.path, { recursive: true });
    recorder.record(2, { loss: 2 });
    recorder.record(3, { loss: 3 });
    mkdirSync(run.path);
    recorder.record(4, { loss: 4 });
    recorder.close();
    expect(problems).toEqual([expect.stringMatching(/^Can't write metrics .*metrics.jsonl/)]);
    expect(recorder.problem()).toBe(problems[0]);
    expect(readMetricsFile(run.metricsFile)).toEqual([{ step: 4, loss: 4 }]);
  });
});
