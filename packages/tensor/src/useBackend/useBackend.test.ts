import { readFileSync } from 'node:fs';

import { itOrSkip } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { findAddon, useBackend } from '../index.js';

const { problem } = findAddon();
const native = problem === undefined;
/** What the kernel says of the CPU, wherever it says something. */
const cpuHasBf16 = () => /\bavx512_bf16\b/.test(readFileSync('/proc/cpuinfo', 'latin1'));

describe('useBackend', () => {
  afterEach(() => {
    delete process.env['SCMOE_THREADS'];
  });

  it('picks the best backend there is and says which and why in one line', async () => {
    const report = await useBackend('auto', { threads: 2 });
    expect(report.backend).toBe(native ? 'scmoe' : 'wasm');
    expect(tf.getBackend()).toBe(report.backend);
    expect(report.line).toMatch(new RegExp(`^backend ${report.backend} \\(.*, \\d threads?, float32\\): `));
    expect(report.line).not.toContain('\n');
    expect(report.reason).toMatch(native ? /fastest/ : /no scmoe/);
  });

  it('computes on the wasm backend from any working directory', async () => {
    const report = await useBackend('wasm');
    expect(report).toMatchObject({ backend: 'wasm', precision: 'float32', threads: 1, reason: 'asked for' });
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect(Array.from(await tf.matMul(x, x).data())).toEqual([7, 10, 15, 22]);
  });

  it('falls back to float32 where the backend has no bf16, and says so', async () => {
    const report = await useBackend('cpu', { precision: 'bf16' });
    expect(report).toMatchObject({ backend: 'cpu', precision: 'float32' });
    expect(report.line).toContain('float32 instead of bf16 because the cpu backend has no bf16 products');
  });

  itOrSkip(problem, 'rounds products to bf16 where the CPU can, and stops when asked for float32', async () => {
    // 1 + 2^-10 has more bits than bf16's 8.
    const product = async () => (await tf.matMul(tf.fill([1, 1], 1 + 2 ** -10), tf.ones([1, 1])).data())[0];
    const report = await useBackend('scmoe', { precision: 'bf16', threads: 1 });
    const isHeld = ['avx2', 'avx512'].includes(process.env['SCMOE_ISA'] ?? '');
    const canRound = cpuHasBf16() && !isHeld;
    expect([report.precision, await product()]).toEqual(canRound ? ['bf16', 1] : ['float32', 1 + 2 ** -10]);
    expect(report.reason.includes('this CPU has no bf16 instructions')).toBe(!cpuHasBf16() && !isHeld);
    expect(report.reason.includes('oneDNN is held to')).toBe(isHeld);
    await useBackend('scmoe', { precision: 'float32', threads: 1 });
    expect(await product()).toBe(1 + 2 ** -10);
  });

  itOrSkip(problem, 'takes the number of threads from the option, then from SCMOE_THREADS', async () => {
    process.env['SCMOE_THREADS'] = '3';
    expect((await useBackend('scmoe')).threads).toBe(3);
    expect((await useBackend('scmoe', { threads: 1 })).threads).toBe(1);
  });

  it('uses a backend that somebody else registered with TF.js', async () => {
    const { MathBackendCPU } = await import('@tensorflow/tfjs-backend-cpu');
    tf.copyRegisteredKernels('cpu', 'mine');
    tf.registerBackend('mine', () => new MathBackendCPU());
    expect((await useBackend('mine')).backend).toBe('mine');
    await useBackend('cpu');
    tf.removeBackend('mine');
  });

  it('names the backends it knows when it does not know one', async () => {
    await expect(useBackend('cuda')).rejects.toThrow(/backend: expected one of auto, scmoe, wasm, cpu.*, got 'cuda'/);
  });

  it('says what is missing when tensorflow is asked for and not installed', async () => {
    process.env['SCMOE_TENSORFLOW'] = '/nowhere';
    await expect(useBackend('tensorflow')).rejects.toThrow(
      /'tensorflow' can't be used: .*; @tensorflow\/tfjs-node-gpu is not installed; @tensorflow\/tfjs-node is not installed/,
    );
    delete process.env['SCMOE_TENSORFLOW'];
  });

  it('rejects impossible options', async () => {
    await expect(useBackend('cpu', { threads: 0 })).rejects.toThrow(
      'threads: expected a whole number from 1 to 1024, got 0',
    );
    await expect(useBackend('cpu', { precision: 'fp8' as 'bf16' })).rejects.toThrow(
      'precision: expected one of float32, bf16, got "fp8"',
    );
    for (const text of ['many', '0', '-1', '1e9', '1.5', ' ', '100000']) {
      process.env['SCMOE_THREADS'] = text;
      await expect(useBackend('cpu')).rejects.toThrow(
        `SCMOE_THREADS: expected a whole number from 1 to 1024, got "${text}"`,
      );
    }
  });
});
