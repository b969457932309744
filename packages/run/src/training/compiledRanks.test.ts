import { join } from 'node:path';

import { findGloo, StoreServer } from '@scmoe/comm';
import { describeOrSkip, runRanks, useTestTensorFlow } from '@scmoe/testing';

import { type CompiledRanksReport, compiledRankCases } from '../testing/compiledRankCases.js';

useTestTensorFlow();
const noTensorFlow = process.env['SCMOE_TENSORFLOW'] === undefined ? 'no TensorFlow was fetched' : undefined;
const program = join(import.meta.dirname, '..', 'testing', 'compiledRanksProgram.ts');

describeOrSkip(findGloo().problem ?? noTensorFlow, 'two ranks whose steps are recorded', () => {
  let reports: CompiledRanksReport[];
  // Each piece is one call of TensorFlow, without XLA: its compilation of so small a model takes longer than all of its steps.
  beforeAll(async () => {
    process.env['SCMOE_XLA'] = '0';
    reports = await runRanks<CompiledRanksReport>(program, 2, (token) =>
      StoreServer.listen({ token, silenceMs: 60_000 }),
    ).finally(() => delete process.env['SCMOE_XLA']);
  });

  it.each(Object.keys(compiledRankCases))('train as operation by operation: %s', (name) => {
    const [first, second] = reports.map((report) => report[name]!) as [
      CompiledRanksReport[string],
      CompiledRanksReport[string],
    ];
    expect(second.losses).toEqual(first.losses);
    expect(first.losses[3]).toBeLessThan(first.losses[0]!);
    for (const { losses, norms, values, expected, isSameResumed } of [first, second]) {
      losses.forEach((loss, i) => expect(Math.abs(loss / expected.losses[i]! - 1)).toBeLessThan(1e-5));
      norms.forEach((norm, i) => expect(Math.abs(norm / expected.norms[i]! - 1)).toBeLessThan(1e-4));
      // AdamW divides by the root of the second moment: small gradients weigh their rounding as much as large ones.
      const distances = values.map((value, i) =>
        value.reduce((most, x, j) => Math.max(most, Math.abs(x - expected.values[i]![j]!)), 0),
      );
      expect(Math.max(...distances)).toBeLessThan(2e-3);
      expect(isSameResumed).toBe(compiledRankCases[name]!.resumes);
    }
  });
});
