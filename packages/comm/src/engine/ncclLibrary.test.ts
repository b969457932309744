import { describeOrSkip } from '@scmoe/testing';

import { findNccl } from '../index.js';

// Not over the stand-ins: what is asked of the library itself needs no GPU.
const library = process.env['SCMOE_NCCL_LIB'];
const unnamed = library ? undefined : 'SCMOE_NCCL_LIB names none';

describeOrSkip(unnamed, 'the NCCL library that SCMOE_NCCL_LIB names', () => {
  it('is opened, new enough, and has every symbol that the engine uses', () => {
    const { nccl, problem } = findNccl();
    expect(problem ?? '').not.toMatch(/NCCL library/);
    expect(nccl).toMatchObject({ path: library, version: expect.stringMatching(/^2\.\d+\.\d+$/) as string });
  });
});
