import type { Gpt } from '@scmoe/models';

import type { ModelOptions } from '../options/modelOptions.js';
import { count, short } from './format.js';

/** What a model is and costs, in two lines. */
export function modelLines(model: Gpt, options: ModelOptions, tokensPerStep: number): string[] {
  const { kind, placement, numExperts, position, mix, numLayers, dModel, numHeads, sequenceLength } = options;
  const tapped = position ?? (placement === 'every' ? 'pos1' : 'pos2');
  const how = { scmoe: ` (${tapped}, ${mix})`, dgmoe: ` (${tapped})`, shared: ` (${mix})` }[kind as string] ?? '';
  const experts =
    kind === 'dense' ? '' : `, ${numExperts} experts${placement === 'every' ? ' in every block' : ''}${how}`;
  const flops = model.flopsPerToken();
  return [
    `model: ${kind} GPT, ${numLayers} blocks of width ${dModel}, ${numHeads} heads, sequence ${sequenceLength}${experts}`,
    `       ${short(model.numParameters())} parameters, ${short(model.numActiveParameters())} active per token, ` +
      `${short(flops)}FLOP per token, ${count(tokensPerStep)} tokens per step (${short(flops * tokensPerStep)}FLOP)`,
  ];
}
