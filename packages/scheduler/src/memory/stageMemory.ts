import type { ModelShape } from '../cluster/ModelShape.js';
import type { RunKind } from '../cluster/RunKind.js';
import { dealsRows, type TensorSlices } from '../cluster/tensorSchedules.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OperatorKind } from '../graph/OperatorNode.js';
import type { MomentFormat } from './MomentFormat.js';
import type { RankMemory } from './RankMemory.js';
import { computesOnce, type RecomputeWay } from './RecomputeWay.js';

/** What decides the memory of a rank besides the model. */
export interface StageMemoryOptions {
  readonly topK: number;
  readonly kind: RunKind;
  /** Ranks that share the experts. */
  readonly ranks: number;
  /** Load of the busiest rank relative to the mean. Default: 1. */
  readonly imbalance?: number;
  readonly slices?: TensorSlices | undefined;
  /** Default: nothing is computed twice. */
  readonly way?: RecomputeWay;
  /** The format of the optimizer's two moments. Default: `float32`. */
  readonly moments?: MomentFormat;
}

/** Both moments, and the float32 copy that updates are made of. */
const momentBytes = { float32: 8, bfloat16: 4 };
const masterBytes = 4;

/**
 * Memory of a rank whose model is made of this stage: what `@scmoe/models` keeps, counted by the widths of what is kept, a few
 * percent off what a step takes (its tests compare). A backward pass frees activations as it makes gradients: most is taken
 * either before its first stage, or in its last, when all gradients are there.
 */
export function stageMemory(graph: OperatorGraph, model: ModelShape, options: StageMemoryOptions): RankMemory {
  const { kind, way = computesOnce, moments = 'float32' } = options;
  const { pairs, dModel: d, tokensPerRank, bytesPerElement = 2, vocabularySize = 0, tiedEmbeddings = true } = model;
  const embeddings = vocabularySize * d * (tiedEmbeddings ? 1 : 2);
  const count = pairs * weightsOf(graph, model, options) + embeddings;
  // Final norm and head, whose logits are made and used piece by piece.
  const ends = 6.5 * tokensPerRank * d * bytesPerElement;
  const kept = keptOf(graph, model, options);
  const bytes = (elements: number) => elements * bytesPerElement;
  if (kind === 'infer') return whole({ parameters: bytes(count), step: bytes(kept.whole) + ends });
  const states = momentBytes[moments] + (bytesPerElement < masterBytes ? masterBytes : 0);
  const gradients = bytes(count);
  // What each stage keeps, and what runs again in the first and in the last stage of the backward pass.
  const [perStage, inFirst, inLast] = {
    off: [kept.whole, 0, kept.whole],
    selective: [kept.between, kept.largestInside, 1.5 * kept.largestInside + 2.5 * tokensPerRank * d],
    block: [kept.input + (way.keepsExchanges ? kept.exchanged : 0), kept.whole, kept.whole],
  }[way.recompute] as [number, number, number];
  const first = bytes(pairs * perStage + inFirst) + ends;
  return whole({
    parameters: count * (bytesPerElement + states),
    step: Math.max(first, gradients + bytes(inLast)),
  });
}

function whole({ parameters, step }: RankMemory): RankMemory {
  return { parameters: Math.ceil(parameters), step: Math.ceil(step) };
}

/** Numbers of weights of a stage on a rank, of some kinds of operators; biases and norms are not counted. */
export function weightsOf(
  graph: OperatorGraph,
  model: ModelShape,
  { ranks, slices }: Pick<StageMemoryOptions, 'ranks' | 'slices'>,
  counts: (kind: OperatorKind) => boolean = () => true,
): number {
  const { dModel: d, ffnHidden, matricesPerMlp = 2, expertsPerRank } = model;
  const part = 1 / (slices?.tensorParallel ?? 1);
  const mlp = matricesPerMlp * d * ffnHidden;
  const each: Partial<Record<OperatorKind, number>> = {
    attention: 4 * d * d * part,
    mlp: mlp * part,
    sharedExpert: mlp * part,
    gate: d * expertsPerRank * ranks,
    // In slices there are as many times more of them here.
    expert: mlp * expertsPerRank,
  };
  return sumOver(graph, (kind) => (counts(kind) ? (each[kind] ?? 0) : 0));
}

/** Numbers that a stage keeps for its gradients. */
interface Kept {
  /** All that they need. */
  whole: number;
  /** What passes between operators, with the results of attention. */
  between: number;
  input: number;
  /** What collectives have brought. */
  exchanged: number;
  /** The most that an operator keeps inside when it runs again. */
  largestInside: number;
}

/** Numbers that a gate keeps for a token: choices, weights, and statistics of the norms and attentions around it. */
const numbersOfChoice = 16;

function keptOf(
  graph: OperatorGraph,
  { dModel: d, ffnHidden, tokensPerRank: tokens, capacityFactor = 1 }: ModelShape,
  { topK, ranks, imbalance = 1, slices }: StageMemoryOptions,
): Kept {
  const { tensorParallel: size = 1, expertShards: shards = 1, schedule } = slices ?? {};
  const rows = tokens * topK * capacityFactor * imbalance;
  // Rows that a rank sends, those that arrive at its experts, and those that decode reads.
  const sent = schedule === 'base' || size === 1 ? rows : rows / size;
  const arrived = schedule === 'base' ? rows : (rows * shards) / size;
  const decoded = schedule !== undefined && dealsRows(schedule) ? rows : sent;
  const count = (...kinds: OperatorKind[]) => sumOver(graph, (kind) => Number(kinds.includes(kind)));
  const [attentions, shared] = [count('attention'), count('sharedExpert')];
  const token = tokens * d;
  const travels = ranks > 1 ? 1 : 0;
  const sums = size > 1 ? (attentions + count('mlp', 'sharedExpert')) * token : 0;
  const hiddenOfExperts = (2 * ffnHidden * arrived) / shards;
  const hidden = (2 * ffnHidden * tokens) / size;
  const travelling = sent * d + decoded * d + travels * (arrived * d) + sums;
  // What MLPs, shared experts and gates read: a gate what the shared expert does, unless that of a shortcut.
  const isShortcut = graph.window.some(({ kind }) => kind === 'attention' || kind === 'mlp');
  const gates = count('gate') - count('join');
  const normalised = count('mlp') + (shared > 0 && isShortcut ? shared + gates : Math.max(shared, gates));
  // With the stream before each attention and what shared experts make.
  const between =
    (attentions + attentions / size + normalised + shared) * token +
    travelling +
    numbersOfChoice * tokens * count('gate');
  // Norms of what attentions read, their queries, keys and values, and the stream behind them.
  const insideAttention = (2 + 3 / size) * token;
  return {
    whole:
      between +
      attentions * insideAttention +
      hidden * count('mlp', 'sharedExpert') +
      hiddenOfExperts * count('expert'),
    between,
    input: token,
    exchanged: travels * (arrived + sent) * d + sums,
    largestInside: Math.max(hidden, hiddenOfExperts),
  };
}

function sumOver(graph: OperatorGraph, value: (kind: OperatorKind) => number): number {
  return graph.operators.reduce((sum, { kind }) => sum + value(kind), 0);
}
