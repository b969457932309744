import { registerBackend } from './backend/registerBackend.js';

registerBackend();

export { backendName } from './backend/kernel.js';
export { findAddon } from './addon/loadAddon.js';
export { useBackend, type BackendOptions, type BackendReport, type Precision } from './useBackend.js';
export { valueAndGrads, type ValueAndGradsOptions } from './autodiff/valueAndGrads.js';
