import { longcatFlash } from './architectures/longcatFlash.js';
import { loadModel, type LoadOptions } from './loadModel.js';
import { saveModel, type SaveOptions } from './saveModel.js';
import type { LongcatFlash } from '../longcatFlash/LongcatFlash.js';

/**
 * Loads a LongCat-Flash from a folder of Hugging Face transformers (`config.json` and safetensors, in one file or in
 * shards). Numbers of any floating-point type become float32, tensor by tensor; of the experts, those of `experts` alone
 * are read. Its logits are those of transformers.
 *
 * @throws PretrainedError naming the options or the tensors that do not fit; SafetensorsError where a file is damaged.
 */
export function loadPretrainedLongcatFlash(folder: string, options?: LoadOptions): Promise<LongcatFlash> {
  return loadModel(folder, [longcatFlash], options);
}

/**
 * Saves a LongCat-Flash as a folder that transformers loads. The projections that transformers has for experts which
 * compute nothing are written as zeros.
 *
 * @throws ArgumentError naming an option that the format has not.
 */
export function savePretrainedLongcatFlash(model: LongcatFlash, folder: string, options?: SaveOptions): Promise<void> {
  return saveModel(model, folder, [longcatFlash], options);
}
