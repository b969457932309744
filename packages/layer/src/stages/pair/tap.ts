import type { Position, ResolvedMoe } from '../../config/BlockMoeConfig.js';

/** An activation of a pair that gate and experts can read. */
export type Tap = 'x' | 'a' | 'b' | 'u';

const tapOfPosition: Record<Position, Tap> = { pos1: 'b', pos2: 'a', pos3: 'x' };

/**
 * What feeds gate and experts: without a shortcut the normalised current activation u, with one an earlier activation,
 * before its norm: the pair's input x (pos3), the intermediate a of its first block (pos2) or that block's output b (pos1).
 */
export function tapOf({ shortcut }: ResolvedMoe): Tap {
  return shortcut ? tapOfPosition[shortcut.position] : 'u';
}
