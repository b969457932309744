import { useTestTensorFlow } from '@scmoe/testing';

import { addonProblem } from '../addon/loadAddon.js';
import { findTensorFlow } from '../install/findTensorFlow.js';

/** Why tests can't open TensorFlow here; undefined where they can. */
export function tensorFlowProblem(): string | undefined {
  useTestTensorFlow();
  return addonProblem() ?? findTensorFlow().problem;
}
