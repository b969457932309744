import { UserError } from '@scmoe/errors';
import type { Checkpoint } from '@scmoe/trainer';
import { Option } from 'commander';

import { checkSizes } from './checkSizes.js';
import type { OptionGroup } from './OptionGroup.js';

const model: OptionGroup = {
  title: 'Model',
  options: [new Option('--num-layers <n>'), new Option('--d-model <n>')],
  fixed: 'all',
};
const parameters = Object.fromEntries(
  ['a', 'b', 'c', 'd'].map((name) => [name, { shape: [2], data: new Float32Array(2) }]),
) as unknown as Checkpoint['parameters'];
const check = (config: Record<string, number>) => () =>
  checkSizes({ path: 'step-000001', index: { config } as unknown as Checkpoint['index'], parameters }, [model]);

describe('sizes in the settings of a checkpoint', () => {
  it('are taken up to what its tensors allow', () => {
    expect(check({ numLayers: 4, dModel: 2 ** 20, batchSize: 2 ** 20, accumulate: 2 ** 20 })).not.toThrow();
  });

  it.each([
    ['numLayers', 5, 'expected at most 4, as many as the checkpoint has tensors, got 5.'],
    ['numLayers', 1e12, 'expected at most 4, as many as the checkpoint has tensors, got 1000000000000.'],
    ['dModel', 2 ** 20 + 1, 'expected at most 1048576, got 1048577.'],
    ['batchSize', 1e300, 'expected at most 1048576, got 1e+300.'],
    ['accumulate', 2 ** 53, 'expected at most 1048576, got 9007199254740992.'],
    ['evalBatches', 2 ** 31, 'expected at most 1048576, got 2147483648.'],
  ])('are refused above: %s %p', (name, value, message) => {
    const expected = new UserError(`step-000001: checkpoint.json: config: ${name}: ${message}`);
    expect(check({ [name]: value })).toThrow(expected);
  });
});
