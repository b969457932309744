import { ScmoeError } from '@scmoe/errors';

import type * as node from './loadAddon.js';

const problem = 'the native kernels need Node, this is a browser';

export const findAddon: typeof node.findAddon = () => ({ path: '', problem });

export const loadAddon: typeof node.loadAddon = () => {
  throw new ScmoeError(`The scmoe backend is not available: ${problem}`);
};

export const computeNothing: typeof node.computeNothing = () => {
  throw new ScmoeError(`The scmoe backend is not available: ${problem}`);
};
