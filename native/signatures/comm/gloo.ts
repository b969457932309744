import { openOptions } from './communicator.js';

export const gloo = {
  /** Gives the communicator's id; it listens, and waits for glooSetAddresses and a connect. */
  glooOpen: { ...openOptions, listenHost: 'text', '=>': 'number' },
  /** Where the other ranks reach this one. */
  glooAddress: { id: 'size', '=>': 'bytes' },
  /** Addresses of rank 0, of rank 1, ... */
  glooSetAddresses: { id: 'size', count: 'size', addresses: 'uint8[][count]' },
} as const;
