import { describeOrSkip, itOrSkip } from '@scmoe/testing';

import { findNccl } from '../index.js';
import { launchCases } from '../testing/launches.js';

// `npm run check:gpu` of the root asks for a GPU; elsewhere a machine without one has nothing to check here.
const { problem, devices } = findNccl();
const isRequired = process.env['SCMOE_REQUIRE_GPU'] === '1';
if (isRequired) {
  it('the machine has NCCL, the CUDA driver and a GPU', () => expect(problem).toBeUndefined());
}

describeOrSkip(problem, 'every collective in every dtype, on GPUs', () => {
  const libraries = {
    SCMOE_NCCL_LIB: process.env['SCMOE_NCCL_LIB'],
    SCMOE_CUDA_LIB: process.env['SCMOE_CUDA_LIB'],
  };
  const run = async (ranks: number, env: NodeJS.ProcessEnv = {}) => {
    const { code, out, err } = await launchCases(ranks, { ...libraries, ...env }).done;
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(out.match(/"engine":"nccl"/g)).toHaveLength(ranks);
  };

  it('gives one rank what it has to', () => run(1));

  it('gives two ranks on one GPU what it has to', () => run(2, { CHECK_SHARED_GPU: '1' }));

  const lack = (ranks: number) => (devices.length >= ranks ? undefined : `there are ${devices.length} GPUs`);
  itOrSkip(lack(2), 'gives two ranks on two GPUs what it has to', () => run(2));
  itOrSkip(lack(4), 'gives four ranks on four GPUs what it has to', () => run(4));
});
