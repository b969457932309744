import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describeUnless, fromSource } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { backendName, findAddon } from '../../index.js';
import type { FuzzReport } from './fuzz.js';
import { generators } from './generators.js';

const program = join(import.meta.dirname, '..', 'fuzzProgram.ts');
const seed = 7;
/** 20,000 of them: npm run fuzz. */
const calls = 1000;

/** The report of a process of its own: one that a call ends is a failed test that names the call, not a lost run. */
function report(): FuzzReport {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  try {
    const last = join(folder, 'last');
    const args = ['--seed', String(seed), '--calls', String(calls), '--last', last];
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...fromSource, program, ...args], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
      maxBuffer: 2 ** 26,
      timeout: 240_000,
    });
    const end = signal ?? `status ${status}`;
    if (status !== 0 || signal)
      throw new Error(`seed ${seed}, ended with ${end} at ${readFileSync(last, 'utf8')}: ${stderr}`);
    return JSON.parse(stdout.trimEnd().split('\n').pop()!) as FuzzReport;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describeUnless(findAddon().problem, 'kernels called at random', () => {
  let found: FuzzReport;
  beforeAll(() => (found = report()));

  it(`give what tfjs-backend-cpu gives, or an error where it throws (seed ${seed}, ${calls} calls)`, () => {
    const { differences, equal, bothThrow, odd } = found;
    expect(differences).toEqual([]);
    process.stdout.write(`${calls} calls, ${odd} odd: ${equal} equal, ${bothThrow} errors here and there\n`);
    // Both have to be common for this to mean something.
    expect(equal / calls).toBeGreaterThan(0.5);
    expect(bothThrow / calls).toBeGreaterThan(0.05);
  });

  it('are all of those that are registered', () => {
    const registered = tf.getKernelsForBackend(backendName).map(({ kernelName }) => kernelName);
    const drawn = new Set(generators.map(({ kernel }) => kernel));
    expect(registered.filter((name) => !drawn.has(name))).toEqual([]);
    expect(registered.filter((name) => !found.reached[name])).toEqual([]);
  });
});
