import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeOrSkip, fromSource, temporaryFolder, useTestTensorFlow } from '@scmoe/testing';

import type { Heard } from '../testing/paddedExchangeProgram.js';

useTestTensorFlow();
const program = join(import.meta.dirname, '..', 'testing', 'paddedExchangeProgram.ts');
const standin = (name: string) => {
  const folder = join(import.meta.dirname, '..', '..', '..', '..', 'native', 'standin', 'prebuilds');
  return join(folder, `${process.platform}-${process.arch}`, `libscmoe_standin_${name}.so`);
};
const missing = ['nccl', 'cuda'].some((name) => !existsSync(standin(name)));
const problem =
  process.env['SCMOE_TENSORFLOW'] === undefined
    ? 'no TensorFlow was fetched'
    : missing
      ? 'no stand-ins for NCCL and CUDA were built'
      : undefined;

describeOrSkip(problem, 'rows that a compiled step exchanges', () => {
  const folder = temporaryFolder();
  let heard: Record<'onCpu' | 'overNccl', Heard>;
  let log: string;

  beforeAll(() => {
    log = join(folder.path, 'nccl.log');
    const env = {
      ...{ ...process.env, NODE_OPTIONS: '', SCMOE_NCCL_LIB: standin('nccl'), SCMOE_CUDA_LIB: standin('cuda') },
      // One call of TensorFlow a piece, without compiling it.
      ...{ STANDIN_CUDA_MANAGED: '1', STANDIN_NCCL_LOG: log, SCMOE_XLA: '0' },
    };
    const { stdout, stderr } = spawnSync(process.execPath, [...fromSource, program], { env, encoding: 'utf8' });
    if (!stdout.startsWith('{')) throw new Error(`${stdout}${stderr}`);
    heard = JSON.parse(stdout) as typeof heard;
  });

  it('are not copied on a CPU, nor the buffers around them', () => {
    const { asked, result } = heard.onCpu;
    expect(result).toEqual([
      [3, 1],
      [5, -1],
      [7, -3],
      [1, 1],
      [1, 1],
    ]);
    // Nothing but the pieces of the step: no tensor is made of an array, none is read, none is sliced or padded.
    expect(asked).toEqual(['piece', 'piece']);
  });

  it('leave over NCCL from where they were computed on the device, and come where they are read', () => {
    const { asked, pointers, result } = heard.overNccl;
    expect(result).toEqual([
      [3, 1],
      [11, 21],
      [31, 41],
      [1, 1],
      [1, 1],
    ]);
    // An address is asked for, which waits for the device, when the piece before is through; the piece that reads comes last.
    expect(asked).toEqual(['piece', 'pointer', 'Empty', 'pointer', 'piece']);
    const [sent, received] = pointers.map(BigInt) as [bigint, bigint];
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    const [rowBytes, headerBytes] = [8, 64];
    expect(calls.filter((line) => line.includes(' rank 0 ') && !line.endsWith(` ${headerBytes}`)).slice(-2)).toEqual([
      `ncclRecv rank 0 ${received + BigInt(rowBytes)} ${2 * rowBytes}`,
      `ncclSend rank 0 ${sent + BigInt(rowBytes)} ${3 * rowBytes}`,
    ]);
  });
});
