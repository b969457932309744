import { join } from 'node:path';

export const configFile = 'config.json';
/** Beside it, what generating text needs. */
export const generationFile = 'generation_config.json';
export const weightsFile = 'model.safetensors';
export const indexFile = 'model.safetensors.index.json';

/** Whether a path is that of a model in GGUF, in one file, and not of a folder. */
export function isGgufPath(path: string): boolean {
  return path.endsWith('.gguf');
}

/** The file that says what a model is: its `config.json`, or the file of GGUF itself. */
export function configSource(path: string): string {
  return isGgufPath(path) ? path : join(path, configFile);
}

/** `model-00001-of-00003.safetensors`, the first of three. */
export function shardFile(index: number, of: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `model-${digits(index + 1)}-of-${digits(of)}.safetensors`;
}

/** Whether a file is one that a saved model may consist of, in this folder or in what was there before. */
export function isWeights(file: string): boolean {
  return file === weightsFile || file === indexFile || /^model-\d{5}-of-\d{5}\.safetensors$/.test(file);
}
