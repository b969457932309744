import type * as node from './registerBackend.js';

/** No backend of ours in a browser; with it, its kernels stay out of the bundle. */
export const registerBackend: typeof node.registerBackend = () => undefined;
