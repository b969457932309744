import type * as node from './linkKernel.js';

/** No addon in a browser. */
export const linkKernel: typeof node.linkKernel = () => undefined;
