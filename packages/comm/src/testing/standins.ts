import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { describeUnless } from '@scmoe/testing';

import { findGloo } from '../engine/gloo.js';

const folder = join(
  import.meta.dirname,
  ...['..', '..', '..', '..', 'native', 'standin', 'prebuilds'],
  `${process.platform}-${process.arch}`,
);

/** Variables with which the NCCL engine works over stand-ins for NCCL and CUDA; see native/standin/README.md. */
export const standinVariables = {
  SCMOE_NCCL_LIB: join(folder, 'libscmoe_standin_nccl.so'),
  SCMOE_CUDA_LIB: join(folder, 'libscmoe_standin_cuda.so'),
};

/**
 * `describe` over the stand-ins, in this process and in those that it starts; call it before anything looks for NCCL.
 *
 * @param withGloo the tests use the Gloo engine as well
 */
export function describeStandins(name: string, tests: () => void, { withGloo = false } = {}): void {
  const isThere = Object.values(standinVariables).every((file) => existsSync(file));
  Object.assign(process.env, standinVariables);
  const problem = isThere ? undefined : `no stand-ins for NCCL and CUDA in ${folder}: npm run build makes them`;
  describeUnless(problem ?? (withGloo ? findGloo().problem : undefined), name, tests);
}
