import { each } from '../Signature.js';

const middle = { outer: 'size', count: 'size 1..', inner: 'size' } as const;
const any = { ...middle, x: 'float32|int32|bool[outer * count * inner]' } as const;

/** Reduces over the middle axis of (outer, count, inner), under TF.js's kernel names. */
export const reduce = {
  /** float32 gives float32, everything else int32. */
  ...each('reduce', ['Sum', 'Prod'], { ...any, out: 'out float32|int32[outer * inner]' }),
  ...each('reduce', ['Mean'], { ...any, out: 'out float32[outer * inner]' }),
  ...each('reduce', ['Max', 'Min'], { ...any, out: 'out x.dtype[outer * inner]' }),
  ...each('reduce', ['All', 'Any'], {
    ...middle,
    x: 'bool[outer * count * inner]',
    out: 'out bool[outer * inner]',
  }),
  ...each('arg', ['Max', 'Min'], { ...any, out: 'out int32[outer * inner]' }),
} as const;
