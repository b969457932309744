import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';

import { describeUnless, fromSource } from '@scmoe/testing';
import { findAddon, loadAddon } from './loadAddon.js';

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

  it('look at the bytes of matrices that lie transposed', () => {
    const native = loadAddon();
    const linear = (weight: Uint8Array, format: 'float32' | 'bf16') =>
      native.transposedLinear({
        ...{ rows: 1, dIn: 2, dOut: 2, activation: 'none', float32: false, format, weight: [weight] },
        ...{ x: new Float32Array(2), bias: undefined, y: new Float32Array(2) },
      });
    expect(() => linear(new Uint8Array(15), 'float32')).toThrow(
      'transposedLinear: weight: expected number 0 of at least 4 numbers of 4 bytes, got 15',
    );
    expect(() => linear(new Uint8Array(new ArrayBuffer(17), 1), 'float32')).toThrow('an address that 4 divides');
    expect(() => linear(new Uint8Array(8), 'bf16')).not.toThrow();
    const [map, bytes] = [native.mapFile({ descriptor: openSync(import.meta.filename, 'r'), bytes: 8 }), 8];
    expect(() => native.mappedBytes({ map, begin: 1, bytes })).toThrow(
      "expected a part of the file's 8, got 8 from 1 on",
    );
    native.unmapFile({ map });
    expect(() => native.mappedBytes({ map, begin: 0, bytes })).toThrow('expected the number of a mapped file');
  });
});
