export { findAddonFile, type AddonFile, type AddonFileOptions } from './findAddonFile.js';
export { builtFile } from './builtFile.js';
export { threadLimits } from './threadLimits.js';
export { workingDirectory } from './workingDirectory.js';
export { requireFrom } from './requireFrom.js';
export { resolveInstalled } from './resolveInstalled.js';
export { callByName, type Addon } from './callByName.js';
export type { CommFunctions, GlooFunctions, NcclFunctions } from './comm/index.js';
export type { TensorFunctions } from './tensor/index.js';
