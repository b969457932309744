import { ArgumentError, expectKnownOptions } from '@scmoe/errors';
import {
  correctionBiasOptions,
  resolveOptions,
  resolveRouterLosses,
  routerLosses,
  routerLossOptions,
  weightedRouterLosses,
  type OptionSpecs,
  type OptionsOf,
  type ResolvedCorrectionBias,
  type ResolvedRouterLosses,
  type Routing,
} from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import { initializeParameter } from '../parameters/initializeParameters.js';
import { expectParametersFit } from '../parameters/ParameterSpec.js';
import type { CostOptions } from '../cost/CostOptions.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { moveBias, resolveBiasUpdate } from './correctionBias.js';
import { configVersion, restoredArgs } from './layerConfig.js';

type LayerArgs = NonNullable<ConstructorParameters<typeof tf.layers.Layer>[0]>;
type Initializer = ReturnType<typeof tf.initializers.zeros>;
export type Kwargs = Record<string, unknown>;
export type Shape = (number | null)[];

const trainingOptions = {
  ...routerLossOptions,
  ...correctionBiasOptions,
  /**
   * Seed of the initial weights, of dropout, and of the router's noise and jitter; layers of one model want different
   * ones. A random one where it is not given.
   */
  seed: { type: 'integer', optional: true, help: 'seed of the weights and of all that is random in training' },
} as const satisfies OptionSpecs;

/** What every layer of this package has besides its experts: tf.layers' arguments, router losses and a seed. */
export interface ExpertLayerArgs extends LayerArgs, OptionsOf<typeof trainingOptions> {}

const layerArgs: Record<keyof LayerArgs, true> = {
  inputShape: true,
  batchInputShape: true,
  batchSize: true,
  dtype: true,
  name: true,
  trainable: true,
  weights: true,
  inputDType: true,
};

/** Random streams that one training call takes: those of dropout, then those of the router. */
const streamsPerCall = 9;
const firstRouterStream = 5;

/** What a training call draws its random numbers from; absent otherwise. */
export interface CallRandomness {
  dropout?: { seed: number; firstStream: number };
  router?: { training: true; seed: number; stream: number };
}

/**
 * What the tf.layers classes of this package have in common: parameters by name, their saved form, the router losses
 * and the correction bias.
 */
export abstract class ExpertLayer<Args extends ExpertLayerArgs> extends tf.layers.Layer {
  /** The layer's own options, without those of every tf.layers.Layer. */
  protected readonly options: Omit<Args, keyof LayerArgs>;
  /** Size of the last axis of the inputs, once the layer is built. */
  protected inputSize?: number;
  private readonly seed: number;
  private readonly coefficients: ResolvedRouterLosses;
  private readonly biasUpdate: ResolvedCorrectionBias;
  private readonly variables: Record<string, { read(): tf.Tensor }> = {};
  private keptLosses: tf.Scalar[] = [];
  private numTrainingCalls = 0;

  /** @param own the options besides those of {@link ExpertLayerArgs}; the width dModel is that of the input */
  constructor(args: Args, own: OptionSpecs) {
    super(args);
    this.supportsMasking = true;
    const known = Object.keys({ ...layerArgs, ...trainingOptions, ...own }).filter((name) => name !== 'dModel');
    expectKnownOptions(this.getClassName(), args, known);
    this.coefficients = resolveRouterLosses(args);
    this.biasUpdate = resolveBiasUpdate(args);
    const { seed = Math.floor(Math.random() * 2 ** 31) } = resolveOptions(args, { seed: trainingOptions.seed });
    this.seed = seed;
    this.options = without(args, layerArgs);
    if (this.hasRouterLoss) this.addLoss(() => this.takeAuxiliaryLoss());
  }

  /** Parameters for inputs whose last axis has this size. Called once, before the first call. */
  protected abstract specs(inputSize: number): ParameterSpecs;

  /** What the layer costs for inputs whose last axis has this size. */
  protected abstract costOf(inputSize: number, options: number | CostOptions): LayerCost;

  /**
   * What one pass costs on one rank, operator by operator: operations and bytes of forward and backward, and what leaves
   * the rank. From the configuration alone, for tokens that are spread evenly over the experts.
   *
   * @param options tokens, of one sequence on one rank; or how they are spread over sequences and ranks
   * @throws ArgumentError for a layer that is not built, and naming an option that cannot work
   */
  cost(options: number | CostOptions): LayerCost {
    if (this.inputSize === undefined) {
      throw new ArgumentError(
        `${this.name}: cost: expected a layer that was built or applied, which tells the width of a token`,
      );
    }
    return this.costOf(this.inputSize, options);
  }

  /**
   * Makes a layer of tf.layers' saved form.
   * @throws ArgumentError for one that a newer version of this package has written, or with an unknown option.
   */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(restoredArgs(cls.className, config));
  }

  override build(inputShape: Shape | Shape[]): void {
    const shapes = isShapeList(inputShape) ? inputShape : [inputShape];
    this.checkInputs(shapes);
    const [shape] = shapes as [Shape];
    const inputSize = shape.at(-1)!;
    const specs = this.specs(inputSize);
    expectParametersFit(specs, { inputSize, ...this.options });
    for (const [name, { buffer, ...spec }] of Object.entries(specs)) {
      const apply = () => initializeParameter(name, spec, { seed: this.seed });
      const initializer = { apply } as unknown as Initializer;
      this.variables[name] = this.addWeight(name, spec.shape, 'float32', initializer, undefined, !buffer);
    }
    this.inputSize = inputSize;
    this.inputSpec = shapes.map(({ length }) => new tf.InputSpec({ ndim: length, axes: { [length - 1]: inputSize } }));
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return isShapeList(inputShape) ? inputShape[0]! : inputShape;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...(this.options as tf.serialization.ConfigDict), configVersion };
  }

  override dispose(): ReturnType<tf.layers.Layer['dispose']> {
    tf.dispose(this.keptLosses);
    this.keptLosses = [];
    return super.dispose();
  }

  /** Checks shapes of inputs. @throws ArgumentError where the layer can't be applied to inputs of these shapes. */
  protected checkInputs(shapes: readonly Shape[]): void {
    const [shape] = shapes as [Shape];
    if (shapes.length !== 1 || shape.length < 2 || !shape.at(-1))
      throw this.inputError('one input of known last axis, (batch, ..., d)', shapes);
  }

  protected inputError(expected: string, shapes: readonly Shape[]): ArgumentError {
    const got = shapes.map((shape) => `(${shape.map((size) => size ?? 'any').join(', ')})`).join(' and ');
    return new ArgumentError(`${this.name}: expected ${expected}, got ${got}`);
  }

  /** The options without those that are for training alone. */
  protected blockOptions(): Omit<Args, keyof ExpertLayerArgs> {
    return without(this.options as Args, { ...layerArgs, ...trainingOptions });
  }

  protected parameters(): ParameterRecord {
    return Object.fromEntries(Object.entries(this.variables).map(([name, variable]) => [name, variable.read()]));
  }

  /** The mask that tf.layers hands on, such as that of an embedding with `maskZero`: bool, false for padding. */
  protected maskOf({ mask }: Kwargs): { mask?: tf.Tensor } {
    const own = (Array.isArray(mask) ? mask[0] : mask) as tf.Tensor | null | undefined;
    return own ? { mask: own } : {};
  }

  protected randomness({ training }: Kwargs): CallRandomness {
    if (!training) return {};
    const { seed } = this;
    const firstStream = streamsPerCall * this.numTrainingCalls++;
    return {
      dropout: { seed, firstStream },
      router: { training: true, seed, stream: firstStream + firstRouterStream },
    };
  }

  /**
   * What a training call leaves behind: its router losses, kept until the training loop asks for them, and a correction
   * bias that has moved.
   * @param numSequences of the call
   */
  protected afterRouting(routings: readonly (Routing | undefined)[], { training }: Kwargs, numSequences: number): void {
    const made = routings.filter((routing) => routing !== undefined);
    if (!training || made.length === 0) return;
    const bias = this.variables['router.correctionBias'];
    if (bias && this.trainable) moveBias(bias.read() as tf.Variable, made, this.biasUpdate);
    if (!this.hasRouterLoss) return;
    // One call per place in the model is outstanding; older ones belong to a loop that does not ask.
    while (this.keptLosses.length >= Math.max(1, this.inboundNodes.length)) this.keptLosses.shift()!.dispose();
    const loss = tf.tidy(() => {
      const values = routerLosses(made, this.coefficients, { numSequences });
      return weightedRouterLosses(values, this.coefficients)!;
    });
    this.keptLosses.push(tf.keep(loss));
  }

  private get hasRouterLoss(): boolean {
    return Object.values<number>({ ...this.coefficients }).some((coefficient) => coefficient > 0);
  }

  private takeAuxiliaryLoss(): tf.Scalar {
    const loss = this.keptLosses.shift();
    if (!loss) return tf.scalar(0);
    const taken = tf.clone(loss);
    loss.dispose();
    return taken;
  }
}

function without<T extends object, Name extends PropertyKey>(from: T, names: Record<Name, unknown>): Omit<T, Name> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => !(name in names))) as Omit<T, Name>;
}

function isShapeList(shape: Shape | Shape[]): shape is Shape[] {
  return Array.isArray(shape[0]);
}
