import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { describeUnless, fromSource } from '@scmoe/testing';
import { findAddon } from './loadAddon.js';

const own: Partial<Record<string, string>> = { x64: 'AVX2', arm64: 'NEON' };
const name = own[process.arch];
const problem = name === undefined ? `there are no products of our own on ${process.arch}` : findAddon().problem;

describeUnless(problem, 'a machine without oneDNN', () => {
  it('has products all the same, and says that bf16 is not there', () => {
    const program = join(import.meta.dirname, '..', 'testing', 'productProgram.ts');
    const env = { ...process.env, NODE_OPTIONS: '', SCMOE_ONEDNN_LIB: 'libdnnl-that-is-not-there.so' };
    const { stdout, stderr } = spawnSync(process.execPath, [...fromSource, program], { encoding: 'utf8', env });
    expect(stderr).toBe('');
    const { line, product } = JSON.parse(stdout) as { line: string; product: number[] };
    expect(product).toEqual([7, 10, 15, 22]);
    expect(line).toContain(`native kernels, ${name}`);
    expect(line).toContain('float32 instead of bf16 because there is no oneDNN');
  });
});
