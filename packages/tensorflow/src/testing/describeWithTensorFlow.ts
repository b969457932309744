import { spawnSync } from 'node:child_process';

import { describeOrSkip, describeUnless } from '@scmoe/testing';

import { addonProblem } from '../addon/loadAddon.js';
import { tensorFlowProblem } from './tensorFlowProblem.js';

/**
 * `describe` where TensorFlow can be opened; else a skipped one whose title says why. Under `SCMOE_REQUIRE_NATIVE=1` it fails
 * instead, unless there is no Python that could have fetched it.
 */
export function describeWithTensorFlow(name: string, tests: () => void): void {
  const problem = tensorFlowProblem();
  const isRequired = problem === undefined || addonProblem() !== undefined || hasPip();
  (isRequired ? describeUnless : describeOrSkip)(problem, name, tests);
}

const hasPip = () => spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' }).status === 0;
