import { ArgumentError, expectPositiveInteger } from '@scmoe/errors';
import { jitterTokens, routerStreams, type RouteContext, type Routing } from '@scmoe/gating';
import { stopGradient } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { feedForward, feedForwardCost, feedForwardSpecs } from '../sublayers/feedForward.js';
import { mixCoefficients, mixCoefficientsCost, mixOutputs, mixSpecs } from '../sublayers/mix.js';
import type { InputNorm } from '../sublayers/shortcutNorm.js';
import type { ResolvedExperts } from '../config/MoeConfig.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { operatorsOver, type Computation, type Operator } from '../plan/Operator.js';
import { relabel } from '../plan/relabel.js';
import type { TensorGroup } from '../tensorParallel/TensorGroup.js';
import type { Dispatcher } from './Dispatcher.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import { apartOperators } from './apartOperators.js';
import { chunkOperators } from './chunkOperators.js';
import { ownBackwardParts } from './ownParts.js';
import type { ExpertShard } from './expertShard.js';
import { expectExpertChunks } from './expertParts.js';
import type { ExpertSource } from './ExpertSource.js';
import { LocalDispatcher } from './LocalDispatcher.js';
import { gateOfSlice, operatorsOfSlice, tokenSlices, type SliceValues } from './sliceOperators.js';
import type { RouteAhead } from './RouteAhead.js';
import { expertOperators, gate, gateCost, routedSpecs, type MoeValues } from './moeOperators.js';

/** What the operators of an expert sublayer read and write, by name. */
export interface SublayerValues extends SliceValues {
  /** The current activation, normalised: what shared expert and mix read. */
  u: tf.Tensor;
  /** Output of the shared expert, and the coefficients of shared and routed (absent for `add`). */
  shared: { output: tf.Tensor; coefficients?: tf.Tensor };
  /** DGMoE's second way through gate and experts, which reads u where the first reads s. */
  currentRouting: Routing;
  currentOwnTokens: SliceValues['ownTokens'];
  currentOwnRouting: SliceValues['ownRouting'];
  currentPacked: MoeValues['packed'];
  currentBatch: MoeValues['batch'];
  currentComputed: MoeValues['computed'];
  currentReturned: MoeValues['returned'];
  currentRouted: MoeValues['routed'];
}

/** What a pass through the experts depends on besides parameters and configuration. */
export interface MoeContext {
  /** Default: all experts on this rank. */
  dispatcher?: Dispatcher;
  /**
   * Bool, in the shape of the tokens, (B, S): false for padding. No token attends to it; it goes to no expert, so that it
   * takes no slot and counts in no router loss, statistic or correction bias. What is no expert's computes it as any other
   * row, and what comes of that, no token reads.
   */
  mask?: tf.Tensor;
  /** Lifts the capacity limit whatever the configuration says. */
  dropless?: boolean;
  /** Number of parts in which the tokens travel, each way; 1 by default. For DGMoE 1 alone. */
  chunks?: number;
  /**
   * Number of parts of each rank's experts whose tokens travel apart, each way (EPS-MoE); it divides the experts of a rank,
   * and changes no bit of outputs and gradients. 1 by default. With `chunks` there are as many exchanges as both multiply to.
   */
  expertChunks?: number;
  /**
   * The same of the backward pass, by default as forward (FSMoE, ASPLOS 2025). Outputs do not depend on them, and gradients as
   * they do on `chunks` and `expertChunks` where these are all there is. Not for DGMoE, halves, a router ahead, schedule S2 and
   * steps of fixed shapes.
   */
  backwardChunks?: number | undefined;
  backwardExpertChunks?: number | undefined;
  /** The order in which parts of the backward pass's own would go forward: it takes them in reverse. By default as they are numbered. */
  backwardOrder?: readonly number[] | undefined;
  /** Hears of the steps of a backward pass in parts of its own. */
  observer?: PlanObserver;
  /**
   * How the router behaves in training: `training` switches its noise and jitter on, which depend on `seed` and on the
   * streams from `stream` on (`routerStreams` of them, DGMoE twice as many); `replay` repeats earlier choices.
   */
  router?: Omit<RouteContext, 'excluded' | 'dropless' | 'mask'>;
  /** Computes the routed experts where they are not among the parameters. Default: they are. */
  source?: ExpertSource;
  /**
   * Ranks that have the same tokens and a slice each of attentions, MLPs and shared experts. Unless the dispatcher takes all
   * tokens, every rank hands it its own share of them alone, and what comes of all shares is gathered (duplicate token dropping,
   * DeepSpeed-TED, arXiv 2303.06318). Default: everything is here.
   */
  tensor?: TensorGroup;
  /** Where the tokens go, of a layer whose route is made ahead. */
  ahead?: RouteAhead;
  /** Whether a gate that sees more than this part of the batch gives the chunks in which its rows travel. Default false. */
  chunkedByGate?: boolean;
  /** Hears where the tokens of this rank go, each time a gate has said so. */
  onRouting?: (routing: Routing) => void;
}

/** The operators of a layer's experts, in groups as a sequential plan has them, and how their results add up. */
export interface MoeSublayer<Values extends SublayerValues> {
  /** The operators from gate to combine: they can start where their input, the tapped activation, appears. */
  routed: Operator<Values>[];
  /** What needs u, and decode behind it. */
  current: Operator<Values>[];
  /** The values that `sum` adds up. */
  summands: ('routed' | 'shared' | 'currentRouted')[];
  /** Routed and shared output with their coefficients, or both routed outputs of DGMoE: (..., d). */
  sum: (values: Pick<SublayerValues, 'routed' | 'shared' | 'currentRouted'>) => tf.Tensor;
}

/** Parameters of experts, shared expert and mix for tokens of width d. */
export function sublayerSpecs(d: number, config: ResolvedExperts, shard?: ExpertShard): ParameterSpecs {
  const { shared, activation, ffnBias } = config;
  return {
    ...routedSpecs(d, config, shard),
    ...(shared && {
      ...under('shared', feedForwardSpecs(d, shared.hidden, activation, { bias: ffnBias })),
      ...under('mix', mixSpecs(d, shared.mix)),
    }),
  };
}

/**
 * Experts that read `tap`, after `norm` if there is one, and what stands beside them. DGMoE's ways through gate and
 * experts are numbered: `gate1` to `decode1` for the tapped activation, `gate2` to `decode2` for u.
 */
export function moeSublayer<Values extends SublayerValues>(
  parameters: ParameterRecord,
  config: ResolvedExperts,
  { tap, norm }: { tap: keyof Values & string; norm?: InputNorm },
  context: MoeContext,
): MoeSublayer<Values> {
  const dispatcher: Dispatcher = context.dispatcher ?? new LocalDispatcher();
  const { dropless, mask, router, chunks = 1, expertChunks = 1, source, observer, onRouting } = context;
  const ahead = config.routedAhead ? expectAhead(context.ahead) : undefined;
  for (const [name, number] of Object.entries({ chunks, expertChunks })) {
    if (config.dual && number !== 1) throw new ArgumentError(`${name}: expected 1 for DGMoE, got ${number}`);
  }
  if (source && expertChunks > 1)
    throw new ArgumentError(`expertChunks: expected 1 for experts that are no parameters, got ${expertChunks}`);
  expectExpertChunks(expertChunks, config.numExperts, dispatcher.numRanks);
  const backward = ownBackwardParts(context, {
    dispatcher,
    hasSource: source !== undefined,
    isCutBefore: ahead !== undefined || context.chunkedByGate === true,
    isDual: config.dual === true,
  });
  if (backward) {
    expectPositiveInteger('backwardChunks', backward.chunks);
    expectExpertChunks(backward.expertChunks, config.numExperts, dispatcher.numRanks, 'backwardExpertChunks');
  }
  const slices = tokenSlices(dispatcher, context.tensor);
  const gateOfTap = computation({
    kind: 'gate',
    inputs: [tap as 'u'],
    outputs: ['s', 'routing'],
    run: (inputs) => {
      const tapped = inputs[tap as 'u'];
      const clean = norm ? norm.apply(tapped) : tapped;
      // A source has heard of the whole route before the first layer.
      if (ahead) {
        onRouting?.(ahead.routing);
        return { s: clean, routing: ahead.routing };
      }
      const way = { ...router, dropless, mask };
      // What the experts read as well has its jitter already when the router reads it.
      const s = config.jitterExperts ? jitterTokens(clean, config, way) : clean;
      const routing = gate(s, parameters, config.jitterExperts ? { ...config, jitter: 0 } : config, way);
      source?.routeKnown(routing, s);
      onRouting?.(routing);
      return { s, routing };
    },
    cost: (of) => [...(norm ? norm.cost(of) : []), ...gateCost(of, config)],
  });
  const whole = expertOperators(parameters, config, dispatcher, source);
  const parts = {
    ...{ chunks, expertChunks, dispatcher },
    experts: below(parameters, 'experts'),
    form: { ...config, shards: dispatcher.numShards },
  };
  const experts = (
    backward
      ? apartOperators(whole, { ...parts, backward: { ...backward, order: context.backwardOrder }, observer })
      : chunkOperators(whole, { ...parts, source, ahead: ahead?.chunked, chunkedByGate: context.chunkedByGate })
  ) as Operator<SublayerValues>[];
  const first = slices ? gateOfSlice(gateOfTap, slices, ownNames) : gateOfTap;
  const own = slices ? operatorsOfSlice(experts, slices) : experts;
  const current = config.dual && gateOfCurrent(parameters, config, context);
  const sublayer = current
    ? twoWays(first, slices ? gateOfSlice(current, slices, currentOwnNames) : current, own)
    : oneWay(first, own, config.shared && sharedExpert(parameters, config, config.shared, context.tensor));
  // All that these operators read and write is in Values as well, which may have more.
  return sublayer as unknown as MoeSublayer<Values>;
}

const { computation } = operatorsOver<SublayerValues>();

function expectAhead(ahead: RouteAhead | undefined): RouteAhead {
  if (ahead) return ahead;
  throw new ArgumentError('ahead: expected the route of the tokens for experts without a router, got none');
}

function oneWay(
  gate: Operator<SublayerValues>,
  experts: Operator<SublayerValues>[],
  shared: Operator<SublayerValues> | undefined,
): MoeSublayer<SublayerValues> {
  return {
    routed: [gate, ...experts.slice(0, -1)],
    current: [...(shared ? [shared] : []), ...experts.slice(-1)],
    summands: shared ? ['routed', 'shared'] : ['routed'],
    sum: ({ routed, shared }) => (shared ? mixOutputs(shared.output, routed, shared.coefficients) : routed),
  };
}

/** The same experts once for s and once for u. */
function twoWays(
  gateOfTap: Operator<SublayerValues>,
  gateOfCurrent: Operator<SublayerValues>,
  experts: Operator<SublayerValues>[],
): MoeSublayer<SublayerValues> {
  const first = relabel([gateOfTap, ...experts], { suffix: '1' });
  const second = relabel(experts, { suffix: '2', values: currentValues });
  return {
    routed: first.slice(0, -1),
    current: [gateOfCurrent, ...second.slice(0, -1), ...first.slice(-1), ...second.slice(-1)],
    summands: ['routed', 'currentRouted'],
    sum: ({ routed, currentRouted }) => tf.add(routed, currentRouted),
  };
}

/** DGMoE's second choice, which leaves out the expert of the first. */
function gateOfCurrent(
  parameters: ParameterRecord,
  config: ResolvedExperts,
  { dropless, mask, router, source }: MoeContext,
): Computation<SublayerValues> {
  if (router?.replay)
    throw new ArgumentError('router.replay: expected none with DGMoE, whose trace would be of two choices');
  const stream = (router?.stream ?? 0) + routerStreams;
  return computation({
    name: 'gate2',
    kind: 'gate',
    inputs: ['u', 'routing'],
    outputs: ['currentRouting'],
    run: ({ u, routing }) => {
      const excluded = stopGradient(routing.experts); // an id is no path for a gradient
      const currentRouting = gate(u, parameters, config, { ...router, stream, dropless, mask, excluded });
      source?.routeKnown(currentRouting, u);
      return { currentRouting };
    },
    cost: (of) => gateCost(of, config),
  });
}

const ownNames = { tokens: 's', routing: 'routing', ownTokens: 'ownTokens', ownRouting: 'ownRouting' } as const;
const currentOwnNames = {
  tokens: 'u',
  routing: 'currentRouting',
  ownTokens: 'currentOwnTokens',
  ownRouting: 'currentOwnRouting',
} as const;

const currentValues = {
  s: 'u',
  ownTokens: 'currentOwnTokens',
  ownRouting: 'currentOwnRouting',
  routing: 'currentRouting',
  packed: 'currentPacked',
  batch: 'currentBatch',
  computed: 'currentComputed',
  returned: 'currentReturned',
  routed: 'currentRouted',
} as const;

function sharedExpert(
  parameters: ParameterRecord,
  { activation, ffnBias, clampedGlu }: ResolvedExperts,
  { hidden, mix }: NonNullable<ResolvedExperts['shared']>,
  tensor: TensorGroup | undefined,
): Computation<SublayerValues> {
  return computation({
    kind: 'sharedExpert',
    inputs: ['u'],
    outputs: ['shared'],
    run: ({ u }) => ({
      shared: {
        output: feedForward(u, below(parameters, 'shared'), activation, { bias: ffnBias, clampedGlu, tensor }),
        coefficients: mixCoefficients(u, below(parameters, 'mix'), mix),
      },
    }),
    cost: (of) => [...feedForwardCost(of, hidden, { activation, ffnBias }), ...mixCoefficientsCost(of, mix)],
  });
}
