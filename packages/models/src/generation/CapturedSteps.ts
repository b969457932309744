import { captureKernels, haveSameBits, type CapturedKernels, type CaptureInputs } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { SequenceCache } from './SequenceCache.js';
import type { SequencePart } from './SequencePredictor.js';
import { tokensOf } from './tokensOf.js';

/** Scores (P, vocabSize) of what comes after each part, whose tokens and places (`tokensOf`) are its inputs. */
export type ScoreStep = (parts: readonly SequencePart[], inputs: CaptureInputs) => tf.Tensor2D;

/** A part whose token and cache are others in each step. */
class Slot implements SequencePart {
  ids: readonly number[];
  cache: SequenceCache;
  readonly wantsScores = true;

  constructor({ ids, cache }: SequencePart) {
    this.ids = ids;
    this.cache = cache;
  }
}

/** A step for one number of sequences: in its first use it is captured, in its second compared, from then on replayed. */
interface Step {
  slots: Slot[];
  kernels: CapturedKernels;
  isProven: boolean;
  lastUsed: number;
}

/** Captured steps that are kept, of as many numbers of sequences. */
const mostSteps = 8;

/**
 * Steps that bring one token to each of some sequences, as the kernels that they call: one for each number of sequences. What
 * such a step does in JavaScript takes as long as its kernels where a model is small.
 *
 * The second step is made both ways, and where scores are not the same, bit for bit, steps are no longer captured: a model may
 * do what a capture does not see.
 */
export class CapturedSteps {
  private readonly steps = new Map<number, Step>();
  private parameters: readonly tf.DataId[] = [];
  private uses = 0;
  private lastCount = 0;
  private refusal: string | undefined;

  /**
   * @param run the step as it is
   * @param parametersNow tensors of the model's parameters, as they are now
   */
  constructor(
    private readonly run: ScoreStep,
    private readonly parametersNow: () => readonly tf.Tensor[],
  ) {}

  /** Why steps are not captured, where it has turned out that they can't be. */
  get problem(): string | undefined {
    return this.refusal;
  }

  /** Bytes that the captured steps hold. */
  get numBytes(): number {
    return [...this.steps.values()].reduce((sum, { kernels }) => sum + kernels.numBytes, 0);
  }

  /** Scores (P, vocabSize) after one token of each part. */
  advance(parts: readonly SequencePart[]): tf.Tensor2D {
    if (this.refusal !== undefined) return this.run(parts, eagerInputs);
    this.forgetStale();
    const step = this.steps.get(parts.length);
    const isRepeated = parts.length === this.lastCount;
    this.lastCount = parts.length;
    // Where texts come and go all the time, a step in another's place would seldom live long enough to pay.
    if (!step && !isRepeated && this.steps.size === mostSteps) return this.run(parts, eagerInputs);
    if (!step) return this.capture(parts);
    step.lastUsed = ++this.uses;
    return step.isProven ? this.replay(step, parts) : this.prove(step, parts);
  }

  /** Frees what the captured steps hold. */
  dispose(): void {
    for (const { kernels } of this.steps.values()) kernels.dispose();
    this.steps.clear();
  }

  private capture(parts: readonly SequencePart[]): tf.Tensor2D {
    const slots = parts.map((part) => new Slot(part));
    const { outputs, captured, problem } = captureKernels((inputs) => [this.run(slots, inputs)]);
    if (captured) {
      this.makeRoom();
      this.steps.set(parts.length, { slots, kernels: captured, isProven: false, lastUsed: ++this.uses });
    } else this.refuse(problem);
    return outputs[0]!;
  }

  private replay(step: Step, parts: readonly SequencePart[]): tf.Tensor2D {
    const rewind = rewindTo(parts);
    try {
      return replayed(step, parts);
    } catch {
      // As it is, the step fails as well, and says of what.
      rewind();
      return this.run(parts, eagerInputs);
    }
  }

  /** Makes a step both ways: the scores are those of the step as it is. */
  private prove(step: Step, parts: readonly SequencePart[]): tf.Tensor2D {
    const rewind = rewindTo(parts);
    let again: Float32Array | undefined;
    try {
      const scores = replayed(step, parts);
      again = scores.dataSync<'float32'>();
      scores.dispose();
    } catch {
      // As it is, the step fails as well, and says of what.
    }
    rewind();
    const scores = this.run(parts, eagerInputs);
    step.isProven = again !== undefined && haveSameBits(again, scores.dataSync<'float32'>());
    if (!step.isProven) this.refuse('its scores are others when it is made of its kernels alone');
    return scores;
  }

  private refuse(problem: string): void {
    this.refusal = problem;
    this.dispose();
  }

  /** What was captured of other parameters is of no use. */
  private forgetStale(): void {
    const parameters = this.parametersNow().map(({ dataId }) => dataId);
    const isSame =
      parameters.length === this.parameters.length && parameters.every((id, i) => id === this.parameters[i]);
    const isCurrent = isSame && [...this.steps.values()].every(({ kernels }) => kernels.isCurrent);
    if (!isCurrent) this.dispose();
    this.parameters = parameters;
  }

  private makeRoom(): void {
    if (this.steps.size < mostSteps) return;
    const [oldest] = [...this.steps].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    oldest![1].kernels.dispose();
    this.steps.delete(oldest![0]);
  }
}

/** Inputs of a step that is made as it is. */
export const eagerInputs: CaptureInputs = {
  input: (values, shape) => tf.tensor(values, shape, values instanceof Int32Array ? 'int32' : 'float32'),
};

function replayed({ slots, kernels }: Step, parts: readonly SequencePart[]): tf.Tensor2D {
  slots.forEach((slot, i) => {
    slot.ids = parts[i]!.ids;
    slot.cache = parts[i]!.cache;
  });
  const { ids, places } = tokensOf(parts);
  return kernels.replay([ids, places])[0] as tf.Tensor2D;
}

/** Makes the caches forget what they get from now on. */
function rewindTo(parts: readonly SequencePart[]): () => void {
  const lengths = parts.map(({ cache }) => cache.length);
  return () => parts.forEach(({ cache }, i) => cache.truncate(lengths[i]!));
}
