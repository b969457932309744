import type { StoredWeight } from '../StoredWeight.js';
import type { TransposedMatrices } from '../TransposedWeight.js';

type Three<Weight> = [gate: Weight, up: Weight, down: Weight];

/** The three weights of SwiGLU, in fewer bytes than float32, as the addon takes them. */
export function swigluArguments([gate, up, down]: Three<StoredWeight>) {
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

/** The three weights of SwiGLU, each of matrices that lie transposed, as the addon takes them. */
export function transposedSwigluArguments([gate, up, down]: Three<TransposedMatrices>) {
  return {
    gateFormat: gate.format,
    gate: gate.matrices,
    upFormat: up.format,
    up: up.matrices,
    downFormat: down.format,
    down: down.matrices,
  };
}
