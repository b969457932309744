import { ArgumentError, expectThat } from '@scmoe/errors';
import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import { checkMask } from '../moe/checkMask.js';
import type { MoeContext } from '../moe/moeSublayer.js';
import type { SublayerValues } from '../moe/moeSublayer.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { Operator } from '../plan/Operator.js';
import type { OutputRowsContext } from '../sublayers/outputRows.js';
import type { FarSkipContext, Pending } from './farSkip/Pending.js';
import { runOperators, type RunOptions } from '../plan/runOperators.js';
import { isJointGate } from '../split/isJointGate.js';
import { runSplit } from '../split/runSplit.js';
import { splitAxisOf, type SplitMode, type SplitPass } from '../split/SplitAxis.js';

/** What the stages of a kind have in common: how their operators are made, and what of their values is remembered. */
export interface StageForm<Config, Context, Values, Cache> {
  /** What messages call it. */
  readonly name: string;
  readonly operators: (parameters: ParameterRecord, config: Config, context: Context) => Operator<Values>[];
  /** The value of `Values` that the next stage adds to y, where there is one. */
  readonly pendingOf?: (config: Config) => (keyof Values & string) | undefined;
  /** What the attentions know of all tokens so far. */
  readonly cacheOf: (values: Partial<Values>) => Cache;
}

/** How a stage runs, beside the context of its pass. */
export interface RunStageOptions<Values> extends Omit<RunOptions<Values>, 'late'> {
  /** Return what the attentions know of all tokens, for a pass that continues this one. */
  keepCache?: boolean;
  /**
   * Runs the stage on two halves of the batch or of every sequence, so that what one half sends travels while the other
   * computes. Outputs, drops and random numbers are those of the whole; a weight's gradient is a sum over the halves.
   */
  split?: SplitMode;
  /** Wait for what is pending before the stage ends. Default: where the plan has its end to wait for it, the next stage does. */
  settle?: boolean;
}

/** What a pass through a stage gives. */
export type StageResult<Cache> = {
  /** (B, S, d); without what is `pending`. */
  y: tf.Tensor3D;
  /** What is left to add to y, in FarSkip connectivity. */
  pending?: Pending;
  /** Absent for `dense`. */
  routing?: Routing;
  /** Routing of the current activation; `dgmoe` alone. */
  currentRouting?: Routing;
  /** Keys and values, with `keepCache`. */
  cache?: Cache;
};

interface StageValues extends SublayerValues {
  x: tf.Tensor3D;
  y: tf.Tensor3D;
}

/**
 * One pass of x (B, S, d) through a stage. Routing and capacity see all B * S tokens at once.
 *
 * @throws ArgumentError where x has another shape than (B, S, dModel) or a mask another than (B, S), a parameter is
 *   missing, the plan is none of the operators, or the pass can't be split as asked
 */
export function runStage<
  Config extends SplitPass['config'] & { dModel: number; connectivity?: string },
  Context extends MoeContext & FarSkipContext & OutputRowsContext & { past?: object },
  Values extends StageValues,
  Cache extends object,
>(
  { name, operators: operatorsOf, cacheOf, pendingOf }: StageForm<Config, Context, Values, Cache>,
  x: tf.Tensor3D,
  parameters: ParameterRecord,
  config: Config,
  { plan, observer, recompute, keepCache = false, settle = false, split, ...others }: Context & RunStageOptions<Values>,
): StageResult<Cache> {
  if (x.rank !== 3 || x.shape[2] !== config.dModel)
    throw new ArgumentError(
      `${name} input: expected shape (batch, sequence, ${config.dModel}), got (${x.shape.join(', ')})`,
    );
  const context = { ...others, observer } as unknown as Context;
  const { mask, past, pending, outputRows } = context;
  if (outputRows && (mask || split || config.connectivity === 'farskip'))
    throw new ArgumentError('outputRows: expected none with a mask, on halves, and in FarSkip connectivity');
  checkMask(mask, x);
  if (mask && (past || keepCache))
    throw new ArgumentError('mask: expected none where keys and values are kept, whose padding would be forgotten');
  const pass = { config, mask, continues: past !== undefined, hasSource: context.source !== undefined };
  const axis = split && splitAxisOf(split, x, pass);
  if (axis) {
    expectThat((context.tensor?.size ?? 1) === 1, 'split', 'none on a tensor-parallel group', split);
    const { chunks = 1, expertChunks = 1, backwardChunks = chunks, backwardExpertChunks = expertChunks } = context;
    expectThat(backwardChunks === chunks, 'backwardChunks', `${chunks}, as forward, on halves`, backwardChunks);
    const given = backwardExpertChunks;
    expectThat(given === expertChunks, 'backwardExpertChunks', `${expertChunks}, as forward, on halves`, given);
    const stage = { axis, jointGate: isJointGate(config.moe!, context), cacheOf, context };
    const operators = (own: Context) => operatorsOf(parameters, config, own);
    return runSplit<Context, Values, Cache>(x, { ...stage, operators }, { plan, observer, recompute, keepCache });
  }
  const operators = operatorsOf(parameters, config, context);
  const left = pendingOf?.(config);
  const late = settle ? undefined : left;
  const given = { x, ...(pending && { pending }) } as Partial<Values>;
  return runOperators(operators, given, { plan, observer, recompute, late }, (values) => {
    const { y, routing, currentRouting } = values as Partial<StageValues>;
    const own = left && { pending: values[left] as Pending };
    return { y: y!, ...own, routing, currentRouting, cache: keepCache ? cacheOf(values) : undefined };
  });
}
