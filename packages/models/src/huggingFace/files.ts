/** Everything here that needs a file system, in one place: files.browser.ts stands for it in a browser. */
export { readHuggingFace, type JsonObject } from './folder/openFolder.js';
export type { LoadOptions } from './loadModel.js';
export { loadPretrained, savePretrained } from './pretrained.js';
export { loadPretrainedLongcatFlash, savePretrainedLongcatFlash } from './pretrainedLongcatFlash.js';
export { loadPretrainedVit, readPretrainedVitConfig, savePretrainedVit, type VitLoadOptions } from './pretrainedVit.js';
export type { SaveOptions } from './saveModel.js';
