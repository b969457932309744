import { registerBackend } from './backend/registerBackend.js';

registerBackend();

export { backendName } from './backend/kernel.js';
export { findAddon } from './addon/loadAddon.js';
export { useBackend, type BackendOptions, type BackendReport, type Precision } from './useBackend.js';
export { valueAndGrads, type ValueAndGradsOptions } from './autodiff/valueAndGrads.js';
export { philox4x32 } from './random/philox.js';
export { RandomStream, type RandomStreamState } from './random/RandomStream.js';
export { randomNormal, randomUniform, type RandomNormalOptions, type RandomOptions } from './random/randomTensors.js';
export { attention, type AttentionOptions } from './ops/attention.js';
export { type Rope, type RopeStyle } from './ops/rope.js';
export { AdamW, type AdamWOptions, type AdamWStepOptions } from './optim/adamW.js';
export { clipScale } from './optim/clipScale.js';
export { globalNorm } from './optim/globalNorm.js';
