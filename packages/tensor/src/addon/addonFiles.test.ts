import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { fromSource } from '@scmoe/testing';
import { addonFiles } from './addonFiles.js';

describe('the files of the native addon', () => {
  it('are the one for this machine, then those for other CPUs, best first', () => {
    expect(addonFiles('x64', undefined)).toEqual({
      files: [
        'scmoe_tensor.node',
        'scmoe_tensor.avx512bf16.node',
        'scmoe_tensor.avx512.node',
        'scmoe_tensor.avx2.node',
      ],
    });
    expect(addonFiles('arm64', '')).toEqual({ files: ['scmoe_tensor.node', 'scmoe_tensor.neon.node'] });
    expect(addonFiles('riscv64', undefined)).toEqual({ files: ['scmoe_tensor.node'] });
  });

  it('are one where an instruction set is asked for, and oneDNN is held to it', () => {
    expect(addonFiles('x64', 'avx2')).toEqual({ files: ['scmoe_tensor.avx2.node'], oneDnnIsa: 'AVX2' });
  });

  it('refuse an instruction set that there is not', () => {
    const names = "'avx512bf16', 'avx512', 'avx2'";
    expect(addonFiles('x64', 'sse').problem).toBe(`SCMOE_ISA: expected one of ${names}, got 'sse'`);
    expect(addonFiles('riscv64', 'avx2').problem).toBe("SCMOE_ISA: expected nothing on riscv64, got 'avx2'");
  });

  it('are refused in a sentence by a program that asks for what there is not', () => {
    const program = join(import.meta.dirname, '..', 'testing', 'productProgram.ts');
    const env = { ...process.env, NODE_OPTIONS: '', SCMOE_ISA: 'sse' };
    const { stderr, status } = spawnSync(process.execPath, [...fromSource, program], { encoding: 'utf8', env });
    expect(stderr).toMatch(/SCMOE_ISA: expected .*, got 'sse'/);
    expect(status).toBe(1);
  });
});
