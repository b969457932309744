import type * as node from './loadAddon.js';

const problem = 'the native kernels need Node, this is a browser';

export const findAddon: typeof node.findAddon = () => ({ path: '', problem });

export const loadAddon: typeof node.loadAddon = () => {
  throw new Error(`The scmoe backend is not available: ${problem}`);
};
