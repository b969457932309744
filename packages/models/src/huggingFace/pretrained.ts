import type { Gpt } from '../gpt/Gpt.js';
import { llama, mistral, qwen2 } from './architectures/denseLlamaLike.js';
import { gpt2 } from './architectures/gpt2.js';
import { mixtral } from './architectures/mixtral.js';
import { qwen2Moe } from './architectures/qwen2Moe.js';
import { loadModel, type LoadOptions } from './loadModel.js';
import { saveModel, type SaveOptions } from './saveModel.js';

/** Families of language models that `Gpt` covers. */
const families = [gpt2, llama, mistral, qwen2, mixtral, qwen2Moe];

/**
 * Loads a language model from a folder of Hugging Face transformers (`config.json` and safetensors, in one file or in
 * shards): GPT-2, LLaMA, Mistral, Qwen2, Mixtral or Qwen2-MoE, by its `model_type`. Numbers of any floating-point type become float32, tensor by
 * tensor. Its logits are those of transformers. Dropout is off whatever the checkpoint was trained with.
 *
 * @throws PretrainedError naming the model type, the options or the tensors that do not fit; SafetensorsError where a file
 *   is damaged.
 */
export function loadPretrained(folder: string, options?: LoadOptions): Promise<Gpt> {
  return loadModel(folder, families, options);
}

/**
 * Saves a model as a folder that transformers loads: as the first family that has all that it has, or as `modelType`.
 *
 * @throws ArgumentError where none has, saying what each has not.
 */
export function savePretrained(model: Gpt, folder: string, options?: SaveOptions): Promise<void> {
  return saveModel(model, folder, families, options);
}
