import type { Gpt } from '../gpt/Gpt.js';
import type { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import type { Vit } from '../vit/Vit.js';
import type { AnyArchitecture } from './Architecture.js';
import { llama, mistral, qwen2 } from './architectures/denseLlamaLike.js';
import { gpt2 } from './architectures/gpt2.js';
import { longcatFlash } from './architectures/longcatFlash.js';
import { mixtral } from './architectures/mixtral.js';
import { qwen2Moe } from './architectures/qwen2Moe.js';
import { vit } from './architectures/vit.js';

/** A model of any family whose folders can be loaded and saved. */
export type AnyPretrained = Gpt | LongcatFlash | Vit;

/** All families. A model is saved as the first that has everything that the model has. */
export const families: readonly AnyArchitecture[] = [gpt2, llama, mistral, qwen2, mixtral, qwen2Moe, longcatFlash, vit];
