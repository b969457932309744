import { each } from '../Signature.js';

const floats = { count: 'size', x: 'float32[count]', out: 'out float32[count]' } as const;
const numbers = { count: 'size', x: 'float32|int32[count]', out: 'out x.dtype[count]' } as const;

/** Element by element, under TF.js's kernel names; x and out may be one array. */
export const unary = {
  ...each('unary', ['Exp', 'Expm1', 'Log', 'Log1p', 'Sqrt', 'Rsqrt', 'Reciprocal', 'Sin', 'Cos', 'Tanh'], floats),
  ...each('unary', ['Sigmoid', 'Erf', 'Softplus', 'Floor', 'Ceil', 'Round', 'Elu', 'Selu'], floats),
  ...each('unary', ['LeakyRelu'], { ...floats, alpha: 'number' }),
  ...each('unary', ['Neg', 'Abs', 'Square', 'Sign', 'Relu', 'Relu6'], numbers),
  ...each('unary', ['Step'], { ...numbers, alpha: 'number' }),
  ...each('unary', ['ClipByValue'], { ...numbers, least: 'number', greatest: 'number' }),
  ...each('unary', ['IsNan', 'IsInf', 'IsFinite'], { count: 'size', x: 'float32[count]', out: 'out bool[count]' }),
  ...each('unary', ['LogicalNot'], { count: 'size', x: 'bool[count]', out: 'out bool[count]' }),
} as const;
