import type { Routing } from '@scmoe/gating';
import type * as tf from '@tensorflow/tfjs';

import type { TensorGroup } from '../tensorParallel/TensorGroup.js';

/** The rows that the experts of this rank compute, in the layout of the grouped FFN. */
export type ExpertBatch = {
  /** (R, d) */
  rows: tf.Tensor2D;
  /** (number of experts on this rank), int32: rows filled for each. */
  counts: tf.Tensor1D;
  /** Rows set aside for each expert; 0 where they follow each other without gaps. */
  capacity: number;
};

/**
 * Brings tokens to their experts and back. Local work (encode, decode) is apart from communication, and communication
 * in two halves, so that a plan can put other work between start and finish. Every part is differentiable: in the
 * backward pass the gradient of finish starts the reverse exchange and that of start waits for it.
 *
 * What a start returns is the dispatcher's own affair, but a plain object: its tensors have to be found by tf.tidy.
 */
export interface Dispatcher<Dispatched extends object = object, Combined extends object = object> {
  /** Ranks that share the experts out, each with a run of as many by global id; 1 where all are here. */
  readonly numRanks: number;
  /** Ranks that hold a slice each of the hidden width of the experts here; 1 by default, where they are whole. */
  readonly numShards?: number;
  /**
   * Those ranks, which together know the gradient of what is whole on all of them beside a slice: a factor of an adapter. Default:
   * nobody asks.
   */
  readonly shardGroup?: TensorGroup | undefined;
  /** Gets all tokens of a tensor-parallel group on each of its ranks. Default: each hands over its own run of them. */
  readonly takesAllTokens?: true;
  /** The dispatcher of a stage of a model, by its number, where stages have their own. Default: this one. */
  ofStage?(index: number): Dispatcher;
  /**
   * Hears of the parts in which a routing travels, in their order, before the first of them starts: what has to be known
   * of all of them then goes in one exchange, also where they travel in several layers. A routing that travels whole, in one
   * layer, needs no word.
   */
  prepare(parts: readonly Routing[]): void;
  /** Tokens (T, d) into expert order: (numRows, d). */
  encode(tokens: tf.Tensor2D, routing: Routing): tf.Tensor2D;
  /** Sends the rows of encode to the ranks of their experts; returns at once. */
  startDispatch(packed: tf.Tensor2D, routing: Routing): Dispatched;
  /** Waits for what startDispatch has sent: the rows that the experts of this rank compute. */
  finishDispatch(inFlight: Dispatched): ExpertBatch;
  /** Starts to send `rows` back, what the experts made of the batch that finishDispatch gave, row by row. */
  startCombine(rows: tf.Tensor2D, routing: Routing): Combined;
  /** Rows in the order of encode: all numRows, or those that a choice fills, (R, d). */
  finishCombine(inFlight: Combined): tf.Tensor2D;
  /**
   * Rows that come for each expert here of a part from each rank, known behind its dispatch: rows of an expert lie by rank, those
   * of a rank in the order of its tokens, however the routing is cut. Absent where they do not, so that what came in some parts
   * can't be taken for what would come in others.
   */
  rowsFrom?(part: Routing): readonly ArrayLike<number>[];
  /** Rows back into token order, weighted and summed over the choices: (T, d). */
  decode(rows: tf.Tensor2D, routing: Routing): tf.Tensor2D;
}
