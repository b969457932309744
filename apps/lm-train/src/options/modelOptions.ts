import { type OptionGroup, optionsOf, realNumber, wholeNumber } from '@scmoe/run';

/** What the blocks are made of besides experts; a checkpoint can only go on with the same. */
export interface ModelSettings {
  dModel: number;
  numLayers: number;
  numHeads: number;
  numKvHeads?: number;
  ffnHidden?: number;
  sequenceLength: number;
  positionEncoding: 'learned' | 'rotary';
  norm: 'layer' | 'rms';
  activation: 'gelu' | 'gelu_tanh' | 'swiglu';
  dropout: number;
}

/** The options of `ModelSettings`. The defaults are sized for three minutes on two cores, in which a few million bytes of text are seen. */
export function modelOptions(): OptionGroup {
  const options = optionsOf([
    ['--d-model <n>', 'width of the model', (o) => o.argParser(wholeNumber(1)).default(192)],
    ['--num-layers <n>', 'blocks; in pairs an even number', (o) => o.argParser(wholeNumber(2)).default(4)],
    ['--num-heads <n>', 'attention heads', (o) => o.argParser(wholeNumber(1)).default(6)],
    ['--num-kv-heads <n>', 'key and value heads (default: --num-heads)', (o) => o.argParser(wholeNumber(1))],
    [
      '--ffn-hidden <n>',
      'hidden width of the dense layers (default: 4 times --d-model)',
      (o) => o.argParser(wholeNumber(1)),
    ],
    ['--sequence-length <n>', 'tokens per sequence', (o) => o.argParser(wholeNumber(1)).default(256)],
    ['--position-encoding <kind>', 'position encoding', (o) => o.choices(['learned', 'rotary']).default('rotary')],
    ['--norm <kind>', 'normalisation', (o) => o.choices(['layer', 'rms']).default('layer')],
    ['--activation <kind>', 'activation', (o) => o.choices(['gelu', 'gelu_tanh', 'swiglu']).default('gelu_tanh')],
    ['--dropout <x>', 'dropout rate', (o) => o.argParser(realNumber(0, { maximum: 0.99 })).default(0)],
  ]);
  return { title: 'Model', options, fixed: 'all' };
}
