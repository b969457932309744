import { createRunFolder, readMetricsFile } from '@scmoe/trainer';
import { mkdirSync, rmSync } from 'node:fs';

import { temporaryFolder } from '@scmoe/testing';

import { openRecorder } from './openRecorder.js';

const folder = temporaryFolder();

describe('openRecorder', () => {
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
