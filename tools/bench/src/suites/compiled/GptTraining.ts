import { Gpt, type GptConfig } from '@scmoe/models';
import { AdamW, captureFunction, clipScale, globalNorm, RandomStream, seedTensor, valueAndGrads } from '@scmoe/tensor';
import { compileStep, type ProductPrecision, type TensorFlowBackend } from '@scmoe/tensorflow';
import * as tf from '@tensorflow/tfjs';

/** A model and the batches that it is trained on. */
export interface TrainingSize {
  name: string;
  batch: number;
  config: GptConfig;
}

/** How the steps run: on a backend, operation by operation, captured (passes of `scmoe`) or as one compiled call (`tensorflow`). */
export interface Way {
  name: string;
  backend: 'scmoe' | 'tensorflow';
  compiled: boolean;
  captured?: boolean;
  /** Whether compiled steps call no kernels of ours, though they could. */
  xlaAlone?: boolean;
  /** What products on TensorFlow round their operands to; float32 leaves them as they are. */
  precision?: ProductPrecision;
}

/** A GPT in training on one backend: step n has the same data and the same rates on every one. */
export class GptTraining {
  readonly losses: number[] = [];
  private readonly random = new RandomStream({ seed: 1 });

  private constructor(
    private readonly size: TrainingSize,
    private readonly way: Way,
    private readonly step: (ids: tf.Tensor2D, targets: tf.Tensor2D, rates: tf.Tensor1D, seed: tf.Tensor) => tf.Tensor,
    /** What AdamW takes as a tensor in the next step. */
    private readonly nextRates: () => number[],
    readonly numParameters: number,
  ) {}

  static async start(size: TrainingSize, way: Way): Promise<GptTraining> {
    await tf.setBackend(way.backend);
    if (way.backend === 'tensorflow') (tf.backend() as TensorFlowBackend).products = way.precision ?? 'float32';
    const gpt = new Gpt(size.config, { seed: 1 });
    const optimizer = new AdamW();
    const ofBatch = (ids: tf.Tensor2D, targets: tf.Tensor2D, seed: tf.Tensor) =>
      valueAndGrads(() => gpt.loss({ ids, targets }, { training: true, dropoutSeed: seed }).loss, gpt.variables);
    const pass = way.captured ? captureFunction(ofBatch) : ofBatch;
    const step = (ids: tf.Tensor2D, targets: tf.Tensor2D, rates: tf.Tensor1D, seed: tf.Tensor): tf.Tensor => {
      const { value, grads } = pass(ids, targets, seed);
      const gradScale = tf.tidy(() => clipScale(globalNorm(Object.values(grads)), 1));
      if (way.backend === 'scmoe') {
        optimizer.step(gpt.variables, grads, { learningRate, gradScale }); // one kernel, which counts by itself
      } else {
        optimizer.update(gpt.variables, grads, { rates, gradScale });
      }
      tf.dispose([grads, gradScale]);
      return value;
    };
    const nextRates = () => (way.backend === 'scmoe' ? [0, 0, 0] : optimizer.advance(learningRate));
    return new GptTraining(size, way, way.compiled ? compileStep(step) : step, nextRates, gpt.numParameters());
  }

  /** Runs steps. @returns the seconds of each, with the reading of its loss */
  async run(steps: number): Promise<number[]> {
    await tf.setBackend(this.way.backend);
    process.env['SCMOE_KERNEL_CALLS'] = this.way.xlaAlone ? '0' : '1';
    const { batch } = this.size;
    const { sequenceLength, vocabSize } = this.size.config as Required<Pick<GptConfig, 'sequenceLength' | 'vocabSize'>>;
    return Array.from({ length: steps }, () => {
      const draw = () => Int32Array.from({ length: batch * sequenceLength }, () => this.random.int(vocabSize));
      const [ids, targets] = [draw(), draw()].map((values) => tf.tensor2d(values, [batch, sequenceLength], 'int32'));
      const rates = tf.tensor1d(this.nextRates());
      const seed = seedTensor(this.losses.length + 1);
      const start = performance.now();
      const loss = this.step(ids!, targets!, rates, seed);
      this.losses.push(loss.dataSync()[0]!);
      const seconds = (performance.now() - start) / 1000;
      tf.dispose([ids!, targets!, rates, seed, loss]);
      return seconds;
    });
  }
}

const learningRate = 1e-3;
