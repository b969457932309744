import { describeUnless } from '@scmoe/testing';

import { findAddon, useBackend } from '../index.js';
import { groupedFfnBackwardKernel, groupedSwigluBackwardKernel } from '../ops/groupedFfn.js';
import { linkKernel, type TensorForm } from './linkKernel.js';

describeUnless(findAddon().problem, 'a linked kernel', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  const [experts, rows, d, f] = [3, 8, 4, 6];
  const form = (...shape: number[]): TensorForm => ({ shape, dtype: 'float32' });
  const [first, second, hidden] = [form(experts, d, f), form(experts, f, d), form(rows, f)];
  const group = { dOut: form(rows, d), rows: form(rows, d), counts: { shape: [experts], dtype: 'int32' } as const };

  it.each([
    [groupedFfnBackwardKernel, { w1: first, w2: second, pre: hidden, hidden }, 5],
    [groupedSwigluBackwardKernel, { gate: first, up: first, down: second, gated: hidden, raised: hidden }, 4],
  ])(
    'works on its inputs, outputs and scratch alone, also where a kernel counts squares: %s',
    (kernelName, inputs, outputs) => {
      const attributes = { activation: 'gelu', capacity: 0 };
      const linked = linkKernel({ kernelName, inputs: { ...group, ...inputs }, attributes, key: 7_001 + outputs });
      expect(linked?.outputs).toHaveLength(outputs);
    },
  );
});
