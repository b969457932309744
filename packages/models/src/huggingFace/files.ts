/** Everything here that needs a file system, in one place: files.browser.ts stands for it in a browser. */
export { readHuggingFace, type JsonObject } from './folder/openFolder.js';
export type { LoadOptions } from './loadModel.js';
export type { ClassifierOptions, ModelClass } from './Architecture.js';
export type { AnyPretrained } from './families.js';
export { loadPretrained, readPretrainedConfig, savePretrained, type ExpectedModel } from './pretrained.js';
export { openPretrainedExperts, type PretrainedExperts } from './pretrainedExperts.js';
export type { SaveOptions } from './saveModel.js';
export { loadAdapter, saveAdapter, type SaveAdapterOptions } from './adapters/adapters.js';
export type { AdapterLayout } from './adapters/writeAdapter.js';
export { describePretrained, type FineTuneOptions } from './description/describePretrained.js';
export { isPretrainedFolder } from './description/isPretrainedFolder.js';
