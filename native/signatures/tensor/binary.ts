import { each } from '../Signature.js';

const numbers = { walk: 'walk', a: 'float32|int32[reach(walk, 0)]', b: 'a.dtype[reach(walk, 1)]' } as const;
const floats = { walk: 'walk', a: 'float32[reach(walk, 0)]', b: 'float32[reach(walk, 1)]' } as const;
const any = { walk: 'walk', a: 'float32|int32|bool[reach(walk, 0)]', b: 'a.dtype[reach(walk, 1)]' } as const;
const flags = { walk: 'walk', a: 'bool[reach(walk, 0)]', b: 'bool[reach(walk, 1)]' } as const;

/** Element by element, under TF.js's kernel names; the walk is over the dimensions of the result. */
export const binary = {
  ...each('binary', ['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'Pow', 'Mod'], {
    ...numbers,
    out: 'out a.dtype[elements(walk)]',
  }),
  ...each('binary', ['FloorDiv'], { ...numbers, out: 'out int32[elements(walk)]' }),
  ...each('binary', ['Atan2', 'Prelu', 'EluGrad'], { ...floats, out: 'out float32[elements(walk)]' }),
  ...each('binary', ['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual'], {
    ...any,
    out: 'out bool[elements(walk)]',
  }),
  ...each('binary', ['LogicalAnd', 'LogicalOr'], { ...flags, out: 'out bool[elements(walk)]' }),
} as const;
