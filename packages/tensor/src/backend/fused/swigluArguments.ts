import type { StoredWeight } from '../StoredWeight.js';

/** The three weights of SwiGLU, in fewer bytes than float32, as the addon takes them. */
export function swigluArguments([gate, up, down]: [StoredWeight, StoredWeight, StoredWeight]) {
  return {
    blocksIn: gate.blocks,
    blocksHidden: down.blocks,
    gate: gate.weight,
    gateScales: gate.scales,
    up: up.weight,
    upScales: up.scales,
    down: down.weight,
    downScales: down.scales,
  };
}
