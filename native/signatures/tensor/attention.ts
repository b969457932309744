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
  /**
   * Causal attention of tokens that continue some sequences, `counts` of each, behind the `held` ones of its cache, which gets
   * their keys and values first. The first `pairs` pairs of components of each head are turned, by tables of so many positions.
   */
  cachedAttention: {
    parts: 'size',
    tokens: 'size',
    counts: 'sizes[parts]',
    held: 'int32[parts]',
    heads: 'size 1..',
    kvHeads: 'size 1..heads',
    headSize: 'size 1..',
    scale: 'number',
    /** Keys that a query sees, every part having one token; 0: all. */
    window: 'size',
    rope: 'RopeStyle: none|half|interleaved',
    pairs: 'size',
    positions: 'size',
    cos: 'float32[positions * pairs]?',
    sin: 'float32[positions * pairs]?',
    q: 'float32[tokens * heads * headSize]',
    k: 'float32[tokens * kvHeads * headSize]',
    v: 'float32[tokens * kvHeads * headSize]?',
    sinks: 'float32[heads]?',
    keys: 'out float32[][parts]',
    /** The keys again where they are their own values. */
    values: 'out float32[][parts]',
    out: 'out float32[tokens * heads * headSize]',
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
