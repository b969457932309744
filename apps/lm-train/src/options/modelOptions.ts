import { type GptConfig, gptOptions } from '@scmoe/models';
import { type OptionGroup, tableOptions } from '@scmoe/run';

/** The settings of the blocks besides their experts that the program reads by name; all of `gptOptions` are beside them. */
export type ModelSettings = Pick<GptConfig, 'dModel' | 'numLayers' | 'numHeads' | 'sequenceLength'>;

/** Values for three minutes on two cores, in which a few million bytes of text are seen. */
const defaults: Partial<GptConfig> = {
  dModel: 192,
  numLayers: 4,
  numHeads: 6,
  sequenceLength: 256,
  positionEncoding: 'rotary',
  activation: 'gelu_tanh',
};

/** The options of a GPT; where its experts are, is among theirs. */
export function modelOptions(): OptionGroup {
  const { placement: _, ...options } = gptOptions;
  return { title: 'Model', options: tableOptions(options, defaults), fixed: 'all' };
}
