import { routeTokens, type Routing } from '@scmoe/gating';
import {
  below,
  operatorGraph,
  overlapped,
  type ExpertBatch,
  type ExpertSource,
  type Operator,
  type ParameterRecord,
  type ResolvedExperts,
  type StageExecution,
} from '@scmoe/layer';
import type { ModelExpertSource, ModelStage, StageExperts } from '@scmoe/models';
import { groupedFfn, isRecording, type SwigluExperts, type TwoLayerExperts } from '@scmoe/tensor';
import { ArgumentError, expectOneOf } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { ExpertStore } from './ExpertStore.js';

/**
 * When experts are read: `known` as soon as their route is known, which in a layer with a shortcut is an attention and an MLP
 * before they are needed, and with a router ahead before the first block; `guess` besides those that the router of the next layer would choose for what this one has read;
 * `none` when they are needed.
 */
export type Prefetch = 'known' | 'guess' | 'none';
/** Every value of `Prefetch`. */
export const prefetches = ['known', 'guess', 'none'] as const;

/** The stages of a model as its parameters name them, and those parameters. */
interface Model {
  stages: readonly ModelStage[];
  parameters: ParameterRecord;
}

/**
 * The experts of a store as a model takes them: `new Gpt(config, { parameters, expertSource })`. The store stays the caller's, to
 * close when the model is not used any more.
 *
 * @throws ArgumentError in a pass of a model whose experts are others than those of the store, or where a gradient is taken
 */
export function storedExperts(
  store: ExpertStore,
  { prefetch = 'known' }: { prefetch?: Prefetch } = {},
): ModelExpertSource {
  expectOneOf('prefetch', prefetch, prefetches);
  const made = new Map<number, StageExperts & { source: StoredLayer }>();
  const stageOf = (index: number, model: Model) => {
    const found = made.get(index);
    if (found) return found;
    const source = new StoredLayer(store, prefetch, index, model);
    // DGMoE has two ways through its experts, and no plan but the sequential one.
    const stage = { source, ...(!source.moe.dual && { plan: latePlan() }) };
    made.set(index, stage);
    return stage;
  };
  return {
    stage: stageOf,
    routeAhead: (routing, model) => {
      const experts = chosen(routing.counts);
      const layers = model.stages.flatMap(({ config }, index) => (config.moe ? [stageOf(index, model).source] : []));
      // In the order of use, which is what Belady's choice goes by.
      const routes = layers.flatMap((source) => source.told(experts) ?? []);
      if (routes.length > 0) store.routesKnown(routes);
    },
  };
}

/** The experts of one layer. */
class StoredLayer implements ExpertSource {
  private readonly layer: number;
  readonly moe: ResolvedExperts;
  /** The layer after this one that has experts, to guess its route. */
  private readonly next: { layer: number; name: string; moe: ResolvedExperts } | undefined;
  /** Whether this pass has said what `compute` will need. */
  private isKnown = false;

  constructor(
    private readonly store: ExpertStore,
    private readonly prefetch: Prefetch,
    index: number,
    private readonly model: Model,
  ) {
    const { name, config } = model.stages[index]!;
    this.moe = config.moe as ResolvedExperts;
    this.layer = expectLayer(store, name, this.moe, config.dModel);
    const next = model.stages.slice(index + 1).find((stage) => stage.config.moe);
    this.next = next && { layer: this.layer + 1, name: next.name, moe: next.config.moe as ResolvedExperts };
  }

  routeKnown(routing: Routing, s: tf.Tensor): void {
    const route = this.told(chosen(routing.counts));
    if (route) this.store.routesKnown([route]);
    if (this.prefetch === 'guess' && this.next) this.guess(s, this.next);
  }

  /** Hears which experts the tokens of this pass need. @returns what the store has to know, if it is to be told */
  told(experts: readonly number[]): { layer: number; experts: readonly number[] } | undefined {
    if (this.prefetch === 'none') return undefined;
    this.isKnown = true;
    return { layer: this.layer, experts };
  }

  compute({ rows, counts, capacity }: ExpertBatch): tf.Tensor2D {
    if (isRecording())
      throw new ArgumentError('expected a pass without gradient: the experts are in a store, for inference');
    const numbers = counts.dataSync();
    if (!this.isKnown) this.store.routeKnown(this.layer, chosen(counts), 'onDemand');
    this.isKnown = false;
    const [numRows, d] = rows.shape;
    const parts: tf.Tensor2D[] = [];
    let start = 0;
    const fill = (count: number) => {
      if (count > 0) parts.push(tf.zeros([count, d]));
      start += count;
    };
    numbers.forEach((count, expert) => {
      if (count > 0) {
        const own = count === numRows ? rows : tf.slice(rows, [start, 0], [count, d]);
        parts.push(this.computeExpert(expert, own));
        start += count;
      }
      if (capacity > 0) fill(capacity - count);
    });
    fill(numRows - start);
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
  }

  private computeExpert(expert: number, rows: tf.Tensor2D): tf.Tensor2D {
    return this.store.with(this.layer, expert, (weights) => {
      const experts = weights as unknown as SwigluExperts | TwoLayerExperts;
      return groupedFfn(rows, tf.tensor1d([rows.shape[0]], 'int32'), experts, {
        activation: this.moe.activation,
        clampedGlu: this.moe.clampedGlu,
      });
    });
  }

  /** What the next layer's router says of what this one's has read: a stale state, and mostly another norm. */
  private guess(s: tf.Tensor, { layer, name, moe }: { layer: number; name: string; moe: ResolvedExperts }): void {
    const likely = tf.tidy(() => {
      const tokens: tf.Tensor2D = tf.reshape(s, [-1, s.shape.at(-1)!]);
      return chosen(
        routeTokens(tokens, below(below(this.model.parameters, name), 'router'), moe, { dropless: true }).counts,
      );
    });
    this.store.routeKnown(layer, likely, 'guessed');
  }
}

/** The experts that have rows. */
function chosen(counts: tf.Tensor1D): number[] {
  return Array.from(counts.dataSync()).flatMap((count, expert) => (count > 0 ? [expert] : []));
}

/** Experts as late as they can be, so that they have time to come. Made once: a stage has the same operators in each pass. */
function latePlan(): StageExecution['plan'] {
  let plan: ReturnType<StageExecution['plan']> | undefined;
  return <Values>(operators: readonly Operator<Values>[]) => (plan ??= makePlan(operators));
}

function makePlan<Values>(operators: readonly Operator<Values>[]): ReturnType<StageExecution['plan']> {
  const graph = operatorGraph(operators);
  return overlapped(graph.numSlots - 1)(operators);
}

/** @returns the number of a layer in the store. @throws ArgumentError where its experts are others than those there */
function expectLayer(
  { folder, header: { layers, numExperts, tensors } }: ExpertStore,
  name: string,
  moe: ResolvedExperts,
  dModel: number,
): number {
  const layer = layers.indexOf(name);
  if (layer < 0) throw new ArgumentError(`${folder}: expected experts of ${name}, got those of ${layers.join(', ')}`);
  const isGated = moe.activation === 'swiglu';
  const expected = `${moe.numExperts} experts of width ${dModel} to ${moe.expertHidden}, ${isGated ? 'gated' : 'not gated'}`;
  const first = tensors.find((tensor) => tensor.name === 'gate' || tensor.name === 'w1');
  const [d, f] = first?.shape ?? [];
  const got = `${numExperts} experts of width ${d} to ${f}, ${first?.name === 'gate' ? 'gated' : 'not gated'}`;
  if (got !== expected) throw new ArgumentError(`${folder}: expected ${expected}, as the model has, got ${got}`);
  return layer;
}
