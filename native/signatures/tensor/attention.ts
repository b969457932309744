/** Keys: no fewer than queries under a causal mask or with rotary positions. */
const shape = {
  batch: 'size',
  queries: 'size',
  keys: 'size',
  heads: 'size 1..',
  kvHeads: 'size 1..heads',
  size: 'size 1..',
  causal: 'boolean',
  rope: 'RopeStyle: none|half|interleaved',
  theta: 'number',
  scale: 'number',
} as const;

export const attention = {
  attention: {
    ...shape,
    q: 'float32[batch * queries * heads * size]',
    k: 'float32[batch * keys * kvHeads * size]',
    v: 'float32[batch * keys * kvHeads * size]',
    mask: 'bool[batch * keys]?',
    out: 'out float32[batch * queries * heads * size]',
    logsumexp: 'out float32[batch * heads * queries]',
  },
  attentionBackward: {
    ...shape,
    dOut: 'float32[batch * queries * heads * size]',
    q: 'float32[batch * queries * heads * size]',
    k: 'float32[batch * keys * kvHeads * size]',
    v: 'float32[batch * keys * kvHeads * size]',
    mask: 'bool[batch * keys]?',
    out: 'float32[batch * queries * heads * size]',
    logsumexp: 'float32[batch * heads * queries]',
    dQ: 'out float32[batch * queries * heads * size]',
    dK: 'out float32[batch * keys * kvHeads * size]',
    dV: 'out float32[batch * keys * kvHeads * size]',
  },
} as const;
