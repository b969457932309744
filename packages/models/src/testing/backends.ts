import { backendName, findAddon } from '@scmoe/tensor';

/** Backends to compare with the reference: native kernels where they run here, and operations of TF.js alone. */
export const backends = findAddon().addon ? [backendName, 'cpu'] : ['cpu'];
