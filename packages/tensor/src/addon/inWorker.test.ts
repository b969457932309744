import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { describeOrSkip, fromSource } from '@scmoe/testing';
import { findAddonFile } from '@scmoe/native/signatures';

const { problem } = findAddonFile({
  packageName: '@scmoe/tensor',
  file: 'scmoe_tensor.avx2.node',
  moduleUrl: import.meta.url,
  what: 'addon for AVX2',
  advice: '`npm run build:variants` makes it',
});

describeOrSkip(problem, 'a Worker, whose process.env no library reads', () => {
  it('holds oneDNN to the instruction set that is asked for', () => {
    const program = join(import.meta.dirname, '..', 'testing', 'workerProgram.ts');
    const env = { ...process.env, NODE_OPTIONS: '', SCMOE_ISA: 'avx2' };
    const { stdout, stderr } = spawnSync(process.execPath, [...fromSource, program], { encoding: 'utf8', env });
    expect(stderr).toBe('');
    const { line, product } = JSON.parse(stdout) as { line: string; product: number[] };
    expect(product).toEqual([7, 10, 15, 22]);
    expect(line).toContain('native kernels, AVX2');
  });
});
