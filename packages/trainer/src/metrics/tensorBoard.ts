import { join } from 'node:path';

import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { type SummaryFileWriter, summaryFileWriter } from './summaryFileWriter.js';

/** Options of `tensorBoard`, as tfjs-node names them. */
export interface TensorBoardCallbackArgs {
  /** When loss and metrics are written. Default `epoch`. */
  updateFreq?: 'batch' | 'epoch';
  /** Epochs between two histograms of the weights; 0, the default, writes none. */
  histogramFreq?: number;
}

/** Callback that logs `LayersModel.fit` for TensorBoard: training to `<logdir>/train`, validation to `<logdir>/val`. */
export class TensorBoardCallback extends tf.CustomCallback {
  private readonly writers = new Map<string, SummaryFileWriter>();
  private fitted: tf.LayersModel | undefined;
  private batchesSeen = 0;

  constructor(
    private readonly logdir = './logs',
    { updateFreq = 'epoch', histogramFreq = 0 }: TensorBoardCallbackArgs = {},
  ) {
    super({
      onBatchEnd: (_batch, logs) => {
        this.batchesSeen++;
        if (updateFreq !== 'epoch') this.log(logs, 'batch_', this.batchesSeen);
      },
      onEpochEnd: (epoch, logs) => {
        this.log(logs, 'epoch_', epoch + 1);
        if (histogramFreq > 0 && epoch % histogramFreq === 0) this.logWeights(epoch);
      },
      onTrainEnd: () => this.writers.forEach((writer) => writer.flush()),
    });
    if (updateFreq !== 'batch' && updateFreq !== 'epoch') {
      throw new ArgumentError(
        `tensorBoard: updateFreq: expected 'batch' or 'epoch', got ${JSON.stringify(updateFreq)}.`,
      );
    }
  }

  /** Takes the model whose weights are logged; `fit` calls it. */
  override setModel(...[model]: Parameters<tf.CustomCallback['setModel']>): void {
    super.setModel(model);
    this.fitted = model as unknown as tf.LayersModel;
  }

  private log(logs: tf.Logs | undefined, prefix: string, step: number): void {
    for (const [key, value] of Object.entries(logs ?? {})) {
      if (key === 'batch' || key === 'size') continue;
      const validation = key.startsWith('val_');
      this.writer(validation ? 'val' : 'train').scalar(prefix + (validation ? key.slice(4) : key), value, step);
    }
  }

  private logWeights(epoch: number): void {
    for (const weight of this.fitted?.weights ?? []) {
      this.writer('train').histogram(weight.name, weight.read(), epoch);
    }
  }

  private writer(name: string): SummaryFileWriter {
    let writer = this.writers.get(name);
    if (!writer) this.writers.set(name, (writer = summaryFileWriter(join(this.logdir, name))));
    return writer;
  }
}

/** Callback for `fit`; the signature is that of tfjs-node's `tf.node.tensorBoard`. */
export function tensorBoard(logdir?: string, args?: TensorBoardCallbackArgs): TensorBoardCallback {
  return new TensorBoardCallback(logdir, args);
}
