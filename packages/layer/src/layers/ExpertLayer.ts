import { loadBalanceLoss, type Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import { expectNonNegative } from '../config/ConfigurationError.js';
import { initializeParameter } from '../parameters/initializeParameters.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';

type LayerArgs = NonNullable<ConstructorParameters<typeof tf.layers.Layer>[0]>;
type Initializer = ReturnType<typeof tf.initializers.zeros>;
export type Kwargs = Record<string, unknown>;
export type Shape = (number | null)[];

export interface ExpertLayerArgs extends LayerArgs {
  /** Share of the load-balance loss that the layer adds to the training loss. */
  auxiliaryLossCoefficient?: number;
  /** Of the initial weights and of dropout; layers of one model want different ones. Default: a random one. */
  seed?: number;
}

/** What the tf.layers classes of this package have in common: parameters by name, and the auxiliary loss. */
export abstract class ExpertLayer<Args extends ExpertLayerArgs> extends tf.layers.Layer {
  protected readonly options: Omit<Args, keyof LayerArgs>;
  protected readonly seed: number;
  private readonly auxiliaryLossCoefficient: number;
  private readonly variables: Record<string, { read(): tf.Tensor }> = {};
  private auxiliaryLosses: tf.Scalar[] = [];

  constructor(args: Args) {
    super(args);
    const { auxiliaryLossCoefficient = 0.01, seed = Math.floor(Math.random() * 2 ** 31) } = args;
    expectNonNegative('auxiliaryLossCoefficient', auxiliaryLossCoefficient);
    this.options = ownOptions(args);
    this.auxiliaryLossCoefficient = auxiliaryLossCoefficient;
    this.seed = seed;
    if (auxiliaryLossCoefficient > 0) this.addLoss(() => this.takeAuxiliaryLoss());
  }

  /** Parameters for inputs whose last axis has this size. Called once, before the first call. */
  protected abstract specs(inputSize: number): ParameterSpecs;

  /** From tf.layers' saved form, which turns absent options into null and `gelu_tanh` into camel case. */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const restored = Object.entries(config).filter(([, value]) => value !== null);
    const args = Object.fromEntries(restored);
    if (args.activation === 'geluTanh') args.activation = 'gelu_tanh';
    return new cls(args);
  }

  override build(inputShape: Shape | Shape[]): void {
    const inputSize = sizeOfLastAxis(this.name, inputShape);
    for (const [name, spec] of Object.entries(this.specs(inputSize))) {
      const apply = () => initializeParameter(name, spec, { seed: this.seed });
      this.variables[name] = this.addWeight(name, spec.shape, 'float32', { apply } as unknown as Initializer);
    }
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return isShapeList(inputShape) ? inputShape[0]! : inputShape;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...(this.options as tf.serialization.ConfigDict) };
  }

  override dispose(): ReturnType<tf.layers.Layer['dispose']> {
    tf.dispose(this.auxiliaryLosses);
    this.auxiliaryLosses = [];
    return super.dispose();
  }

  protected parameters(): ParameterRecord {
    return Object.fromEntries(Object.entries(this.variables).map(([name, variable]) => [name, variable.read()]));
  }

  /** Keeps the auxiliary loss of a training call until the training loop asks for it. */
  protected recordRouting(routing: Routing | undefined, { training }: Kwargs): void {
    if (!routing || !training || this.auxiliaryLossCoefficient === 0) return;
    // One call per place in the model is outstanding; older ones belong to a loop that does not ask.
    while (this.auxiliaryLosses.length >= Math.max(1, this.inboundNodes.length))
      this.auxiliaryLosses.shift()!.dispose();
    this.auxiliaryLosses.push(tf.keep(tf.mul(loadBalanceLoss(routing), this.auxiliaryLossCoefficient)));
  }

  private takeAuxiliaryLoss(): tf.Scalar {
    const loss = this.auxiliaryLosses.shift();
    if (!loss) return tf.scalar(0);
    const taken = tf.clone(loss);
    loss.dispose();
    return taken;
  }
}

/** The arguments without those of every tf.layers.Layer. */
function ownOptions<Args extends ExpertLayerArgs>(args: Args): Omit<Args, keyof LayerArgs> {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- named to be left out
  const { inputShape, batchInputShape, batchSize, dtype, name, trainable, weights, inputDType, ...own } = args;
  return own;
}

export function isShapeList(shape: Shape | Shape[]): shape is Shape[] {
  return Array.isArray(shape[0]);
}

function sizeOfLastAxis(layer: string, inputShape: Shape | Shape[]): number {
  const shape = isShapeList(inputShape) ? inputShape[0]! : inputShape;
  const size = shape.at(-1);
  if (shape.length < 2 || !size) {
    throw new Error(`${layer}: expected an input of known last axis, (batch, ..., size), got (${shape.join(', ')})`);
  }
  return size;
}
