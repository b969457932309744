import { ArgumentError } from '@scmoe/errors';
import { hasStaticShapes, isRecording } from '@scmoe/tensor';

import type { Dispatcher } from './Dispatcher.js';

/** Numbers of the parts in which the rows of a layer travel: forward and, where that is another number, backward. */
export interface PartNumbers {
  chunks?: number;
  expertChunks?: number;
  backwardChunks?: number | undefined;
  backwardExpertChunks?: number | undefined;
}

/** What else speaks against parts of the backward pass's own. */
interface PartsContext {
  dispatcher: Dispatcher;
  /** The experts are no parameters. */
  hasSource: boolean;
  /** The parts were known before the layer: by a router ahead, or by a gate that sees both halves. */
  isCutBefore: boolean;
  isDual: boolean;
}

/**
 * The parts of the backward pass, where a gradient is taken and they are not those of the forward pass.
 *
 * @throws ArgumentError naming the option where there can be no others
 */
export function ownBackwardParts(
  { chunks = 1, expertChunks = 1, backwardChunks = chunks, backwardExpertChunks = expertChunks }: PartNumbers,
  { dispatcher, hasSource, isCutBefore, isDual }: PartsContext,
): { chunks: number; expertChunks: number } | undefined {
  const options = [
    ['backwardChunks', backwardChunks, chunks],
    ['backwardExpertChunks', backwardExpertChunks, expertChunks],
  ] as const;
  const other = options.find(([, own, forward]) => own !== forward);
  if (!other) return undefined;
  const [name, got, forward] = other;
  const refuse = (why: string) => new ArgumentError(`${name}: expected ${forward}, as forward, ${why}, got ${got}`);
  if (isDual) throw refuse('for DGMoE');
  if (hasSource) throw refuse('for experts that are no parameters');
  if (isCutBefore) throw refuse('where parts are made before the layer (a router ahead, halves)');
  if (!dispatcher.rowsFrom) throw refuse("with schedules 's2' and 's2-fused', which deal rows out by their part");
  if (!isRecording()) return undefined;
  if (hasStaticShapes()) throw refuse('in a step of fixed shapes, as compiled steps are');
  return { chunks: backwardChunks, expertChunks: backwardExpertChunks };
}
