import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { jest } from '@jest/globals';

import { describeUnless, fromSource } from '@scmoe/testing';
import { findAddon, loadAddon } from './loadAddon.js';

jest.setTimeout(120_000);

/** Runs a program of testing/ in a process of its own: one that a call ends is a failed test, not a lost run. */
function outcomeOf(program: string): Record<string, unknown> {
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    [...fromSource, join(import.meta.dirname, '..', 'testing', program)],
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' }, maxBuffer: 2 ** 26 },
  );
  const last = stdout.trimEnd().split('\n').pop();
  if (status !== 0) throw new Error(`ended with ${signal ?? status} at '${last}': ${stderr}`);
  return JSON.parse(last!) as Record<string, unknown>;
}

describeUnless(findAddon().problem, 'calls of the native addon', () => {
  it('are refused in every way in which they can be wrong', () => {
    const { tried, functions, bad, unknown, absent } = outcomeOf('wrongCallsProgram.ts');
    process.stdout.write(`${String(tried)} wrong calls of ${String(functions)} native functions\n`);
    expect({ bad, unknown, absent }).toEqual({ bad: [], unknown: [], absent: [] });
    expect(tried).toBeGreaterThan(5000);
  });

  it('let a walk through exactly where it stays in its arrays', () => {
    const { tried, inside, bad } = outcomeOf('wrongWalksProgram.ts') as {
      tried: number;
      inside: number;
      bad: string[];
    };
    expect(bad).toEqual([]);
    // Both kinds have to be common for this to mean something.
    expect(inside / tried).toBeGreaterThan(0.05);
    expect(inside / tried).toBeLessThan(0.95);
  });

  it('name function and argument, and say what was expected and what came', () => {
    const native = loadAddon();
    const x = new Float32Array(4);
    expect(() => native.unaryExp({ count: 5, x, out: new Float32Array(5) })).toThrow(
      'unaryExp: x: expected a Float32Array of at least 5 (count), got Float32Array of 4',
    );
    expect(() => native.softmax({ rows: 2, columns: 0, x, out: x })).toThrow(
      'softmax: columns: expected a whole number of at least 1, got 0',
    );
    expect(() => native.cast({ count: 1, x, out: undefined as unknown as Int32Array })).toThrow(
      'cast: out: expected a Float32Array or Int32Array or Uint8Array, got undefined',
    );
  });
});
