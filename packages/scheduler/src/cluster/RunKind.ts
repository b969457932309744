/** Training is forward, backward and their overlap; inference forward alone. */
export type RunKind = 'train' | 'infer';
