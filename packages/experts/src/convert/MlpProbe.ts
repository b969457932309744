import type { Routing } from '@scmoe/gating';
import { LocalDispatcher } from '@scmoe/layer';
import { resolveGpt, upcycle, type Gpt } from '@scmoe/models';
import { linear } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/** What an MLP read, and its hidden channels: what its last matrix reads. */
export type MlpValues = {
  /** (T, d) */
  inputs: tf.Tensor2D;
  /** (T, f) */
  hidden: tf.Tensor2D;
};

/**
 * Shows what the MLPs of a dense model read and what their hidden channels are. It runs the same model with every MLP as its
 * only expert, whose dispatcher is the seam where inputs can be seen.
 */
export class MlpProbe {
  private readonly model: Gpt;
  private readonly dispatcher = new InputDispatcher();

  constructor(dense: Gpt) {
    const one = { kind: 'top1', numExperts: 1, normalizeWeights: true } as const;
    this.model = upcycle(dense, one, { seed: 0, placement: 'every' });
  }

  /** What each layer's MLP made of ids, int32 (B, S). The caller disposes it. */
  run(ids: tf.Tensor2D): MlpValues[] {
    const { logits, routings, loadBalance } = this.model.forward(ids, { dispatcher: this.dispatcher });
    tf.dispose([logits, loadBalance, routings.map((routing) => ({ ...routing }))]);
    return this.dispatcher.take().map((inputs, layer) => ({ inputs, hidden: this.hidden(layer, inputs) }));
  }

  dispose(): void {
    this.model.dispose();
  }

  private hidden(layer: number, inputs: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => {
      const weight = (name: string) => {
        const stacked = this.model.variables[`block${layer}.experts.${name}`];
        return stacked && tf.squeeze(stacked, [0]);
      };
      const { activation } = resolveGpt(this.model.config).stages[0]!.config;
      const of = (matrix: string, bias: string, by: Exclude<typeof activation, 'swiglu'> | 'none') =>
        linear(inputs, weight(matrix) as tf.Tensor2D, weight(bias), { activation: by });
      if (activation !== 'swiglu') return of('w1', 'b1', activation) as tf.Tensor2D;
      return tf.mul<tf.Tensor2D>(of('gate', 'gateBias', 'silu'), of('up', 'upBias', 'none'));
    });
  }
}

/** The dispatcher of one rank, which keeps what goes to the experts. */
class InputDispatcher extends LocalDispatcher {
  private inputs: tf.Tensor2D[] = [];

  override encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D {
    this.inputs.push(tf.keep(tokens.clone()));
    return super.encode(tokens, routing);
  }

  /** What was kept since it was last asked, layer by layer. */
  take(): tf.Tensor2D[] {
    const taken = this.inputs;
    this.inputs = [];
    return taken;
  }
}
