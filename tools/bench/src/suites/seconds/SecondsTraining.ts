import { Gpt } from '@scmoe/models';
import { AdamW } from '@scmoe/tensor';
import {
  capturedExecution,
  evaluate,
  randomTokenBatches,
  sequentialTokenBatches,
  train,
  type StepExecution,
  type TokenSequence,
  type TrainOptions,
} from '@scmoe/trainer';
import type * as tf from '@tensorflow/tfjs';

import type { SecondsSizes, SecondsVariant } from './variants.js';

/** Validation batches at each look: enough for the third digit. */
const validationBatches = 16;

/** What all contenders train on. */
export interface SecondsData {
  train: TokenSequence;
  validation: TokenSequence;
  vocabSize: number;
}

// An alias: an interface has no index signature, which a `Batch` has.

type TokenBatch = { ids: tf.Tensor2D; targets: tf.Tensor2D };

/** One contender with its optimizer, its steps captured as `lm-train` does it. Dispose it after use. */
export class SecondsTraining {
  private readonly model: Gpt;
  private readonly optimizer = new AdamW({ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 });
  private readonly execution: StepExecution<TokenBatch>;
  private readonly options: Pick<TrainOptions<TokenBatch>, 'model' | 'optimizer' | 'execution' | 'drawBatch' | 'seed'>;
  private readonly shape: { batchSize: number; sequenceLength: number };

  constructor(
    variant: SecondsVariant,
    private readonly data: SecondsData,
    sizes: SecondsSizes,
    seed: number,
  ) {
    const model = (this.model = new Gpt(variant.config(sizes, data.vocabSize), { seed }));
    const trained = {
      variables: model.variables,
      loss: (batch: TokenBatch, { training, seed }: { training: boolean; seed: unknown }) => {
        const { loss, crossEntropy } = model.loss(batch, { training, dropoutSeed: seed as number });
        return training ? { loss } : { loss: crossEntropy };
      },
    };
    this.execution = capturedExecution(trained, this.optimizer);
    this.shape = { batchSize: sizes.batchSize, sequenceLength: sizes.sequenceLength };
    const drawBatch = randomTokenBatches(data.train, { ...this.shape, seed });
    this.options = { model: trained, optimizer: this.optimizer, execution: this.execution, drawBatch, seed };
  }

  train(options: Pick<TrainOptions<TokenBatch>, 'learningRate' | 'clock' | 'steps' | 'startStep' | 'onStep'>) {
    return train({ ...this.options, ...options });
  }

  /** Nats per token of the validation text. */
  async validationLoss(): Promise<number> {
    const batches = sequentialTokenBatches(this.data.validation, { ...this.shape, maxBatches: validationBatches });
    const { model, execution } = this.options;
    const { loss } = await evaluate({ ...model, loss: execution!.evaluation }, batches);
    return loss;
  }

  counts() {
    return { numParameters: this.model.numParameters(), numActiveParameters: this.model.numActiveParameters() };
  }

  dispose(): void {
    this.execution.dispose();
    this.optimizer.dispose();
    this.model.dispose();
  }
}
