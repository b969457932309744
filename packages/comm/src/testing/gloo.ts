import { describeUnless } from '@scmoe/testing';

import { findGloo } from '../engine/gloo.js';

/** `describe`, or a skipped one that says why, where the Gloo addon was not built. */
export function describeGloo(name: string, tests: () => void): void {
  describeUnless(findGloo().problem, name, tests);
}
