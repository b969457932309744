import { openOptions } from './communicator.js';

export const gloo = {
  /** Gives the communicator's id; it listens, and waits for glooSetAddresses and a connect. */
  glooOpen: { ...openOptions, listenHost: 'text', connectTimeoutMs: 'size 1..2147483648', '=>': 'number' },
  /** Where the other ranks reach this one. */
  glooAddresses: { id: 'size', '=>': 'bytes' },
  /** Addresses of rank 0, of rank 1, ... */
  glooSetAddresses: { id: 'size', count: 'size', addresses: 'uint8[][count]' },
} as const;
