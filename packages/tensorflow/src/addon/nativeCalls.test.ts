import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { fromSource } from '@scmoe/testing';

import { describeWithTensorFlow } from '../testing/describeWithTensorFlow.js';

describeWithTensorFlow('calls of the addon for TensorFlow', () => {
  it('are refused in every way in which they can be wrong', () => {
    const program = join(import.meta.dirname, '..', 'testing', 'wrongCallsProgram.ts');
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, [...fromSource, program], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const last = stdout.trimEnd().split('\n').pop();
    if (status !== 0) throw new Error(`ended with ${signal ?? status} at '${last}': ${stderr}`);
    const { tried, functions, ...wrong } = JSON.parse(last!) as Record<string, unknown>;
    process.stdout.write(
      `${String(tried)} wrong calls of ${String(functions)} functions of the addon for TensorFlow\n`,
    );
    expect(wrong).toEqual({ bad: [], unknown: [], absent: [] });
    expect(tried).toBeGreaterThan(500);
  });
});
