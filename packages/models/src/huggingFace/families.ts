import type { Gpt } from '../gpt/Gpt.js';
import type { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import type { Vit } from '../vit/Vit.js';
import type { AnyArchitecture } from './Architecture.js';
import { llama, mistral, qwen2, qwen3 } from './architectures/denseLlamaLike.js';
import { deepseekV2, deepseekV3, glm4MoeLite } from './architectures/deepseek.js';
import { ernie45Moe } from './architectures/ernie.js';
import { dots1, glm4Moe, solarOpen } from './architectures/glm4Moe.js';
import { gptOss } from './architectures/gptOss.js';
import { gpt2 } from './architectures/gpt2.js';
import { graniteMoe, graniteMoeShared } from './architectures/granite.js';
import { hunyuanV1Moe } from './architectures/hunyuan.js';
import { hyV3 } from './architectures/hyV3.js';
import { longcatFlash } from './architectures/longcatFlash.js';
import { minimaxM2 } from './architectures/minimax.js';
import { mixtral } from './architectures/mixtral.js';
import { flexOlmo, olmo2, olmoe } from './architectures/olmo.js';
import { phimoe } from './architectures/phimoe.js';
import { qwen2Moe } from './architectures/qwen2Moe.js';
import { qwen3Moe } from './architectures/qwen3Moe.js';
import { qwen3Next } from './architectures/qwen3Next.js';
import { qwen35Moe, qwen35MoeText } from './architectures/qwen35Moe.js';
import { vit } from './architectures/vit.js';

/** A model of any family whose folders can be loaded and saved. */
export type AnyPretrained = Gpt | LongcatFlash | Vit;

const dense = [gpt2, llama, mistral, qwen2, qwen3, olmo2];
const sparse = [
  ...[mixtral, qwen2Moe, qwen3Moe, olmoe, flexOlmo, graniteMoe, graniteMoeShared, ernie45Moe, minimaxM2],
  ...[gptOss, glm4Moe, dots1, solarOpen, hyV3, hunyuanV1Moe, deepseekV3, deepseekV2, glm4MoeLite],
  ...[phimoe, qwen3Next, qwen35MoeText, qwen35Moe],
];

/** All families. A model is saved as the first that has everything that the model has. */
export const families: readonly AnyArchitecture[] = [...dense, ...sparse, longcatFlash, vit];
