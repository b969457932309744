import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { runBlock } from '../stages/block/runBlock.js';
import { blockSpecs } from '../stages/block/blockSpecs.js';
import { blockOptions, resolveBlock, type BlockConfig, type ResolvedBlock } from '../stages/block/BlockConfig.js';
import { expectRegular } from '../stages/farSkip/expectFarSkip.js';
import type { CostOptions } from '../cost/CostOptions.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import { blockCost } from '../stages/block/blockCost.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { ExpertLayer, type ExpertLayerArgs, type Kwargs, type Shape } from './ExpertLayer.js';
import { provisionalWidth } from './provisionalWidth.js';

/** The width dModel is that of the input. */
export interface TransformerBlockArgs extends ExpertLayerArgs, Omit<BlockConfig, 'dModel'> {}

/** One transformer block, with or without experts: see {@link transformerBlock}. */
export class TransformerBlock extends ExpertLayer<TransformerBlockArgs> {
  static readonly className = 'ScmoeTransformerBlock';
  private config: ResolvedBlock;

  constructor(args: TransformerBlockArgs) {
    super(args, blockOptions);
    this.config = resolveBlock({ ...this.blockOptions(), dModel: provisionalWidth(args) });
    expectRegular(this.config, 'in a layer of tf.layers, which hands on one tensor');
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor3D;
      const { y, routing, currentRouting } = runBlock(x, this.parameters(), this.config, {
        ...this.randomness(kwargs),
        ...this.maskOf(kwargs),
      });
      this.afterRouting([routing, currentRouting], kwargs, x.shape[0]);
      return y;
    });
  }

  protected override specs(inputSize: number): ParameterSpecs {
    this.config = resolveBlock({ ...this.blockOptions(), dModel: inputSize });
    return blockSpecs(this.config);
  }

  protected override costOf(_: number, options: number | CostOptions): LayerCost {
    return blockCost(this.config, options);
  }

  protected override checkInputs(shapes: readonly Shape[]): void {
    super.checkInputs(shapes);
    if (shapes[0]!.length !== 3) throw this.inputError('one input (batch, sequence, d)', shapes);
  }
}
tf.serialization.registerClass(TransformerBlock);

/**
 * A pre-norm transformer block for inputs (batch, sequence, d): attention, then, by `kind`, an MLP or experts. Outputs
 * have the shape of the inputs.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function transformerBlock(args: TransformerBlockArgs): TransformerBlock {
  return new TransformerBlock(args);
}

/**
 * ScMoE in every block of a network: gate and experts read the block's input (pos1), and its attention and shared expert
 * run while tokens travel. The same as `transformerBlock({ kind: 'scmoe', ...args })`.
 *
 * @throws ArgumentError as {@link transformerBlock}
 */
export function everyBlock(args: Omit<TransformerBlockArgs, 'kind'>): TransformerBlock {
  return new TransformerBlock({ ...args, kind: 'scmoe' });
}

/** Shortcut, norm and mix are given by the form. */
export type MegatronShortcutBlockArgs = Omit<TransformerBlockArgs, 'kind' | 'mix' | 'shortcutNorm' | 'sharedNormOf'>;

/**
 * The form of Megatron-LM's shortcut MoE: gate and experts read the block's input through a norm of their own, the shared
 * expert reads the activation behind the attention, both outputs are added as they are, optionally through `postNorm`.
 *
 * @throws ArgumentError as {@link transformerBlock}, and for a mix or shortcut norm of another form
 */
export function megatronShortcutBlock(args: MegatronShortcutBlockArgs): TransformerBlock {
  const form = { kind: 'scmoe', mix: 'add', shortcutNorm: 'own' } as const;
  for (const [name, value] of Object.entries(form)) {
    const given = (args as Record<string, unknown>)[name];
    expectThat(given === undefined || given === value, name, `${value} in a megatronShortcutBlock`, given);
  }
  return new TransformerBlock({ ...args, ...form });
}
