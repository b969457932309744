import type { Placement } from './resolveStages.js';

/**
 * Name of a parameter of a transformer layer, attention and MLP or experts, in a model: `attn.wq` of layer 3 is
 * `block3.attn.wq` where every block is one layer, and `block1.attn2.wq` where blocks come in pairs. Undefined for experts
 * in a layer that can't have any, the first of a pair.
 */
export function layerName(layer: number, name: string, placement: Placement = 'pairs'): string | undefined {
  if (placement === 'every') return `block${layer}.${name}`;
  const isSecond = layer % 2 === 1;
  const pair = `block${Math.floor(layer / 2)}`;
  const [part, ...rest] = name.split('.') as [string, ...string[]];
  const inPair = isSecond ? (partOfSecond[part] ?? part) : partOfFirst[part];
  return inPair && [pair, inPair, ...rest].join('.');
}

const partOfFirst: Record<string, string> = { normAttn: 'normAttn1', attn: 'attn1', normMlp: 'normMlp', mlp: 'mlp' };
const partOfSecond: Record<string, string> = { normAttn: 'normAttn2', attn: 'attn2', normMlp: 'normMlp2', mlp: 'mlp2' };
