import { kernelCall, listKernelCall, type Attributes, type Generator } from '../Call.js';
import type { Draw } from '../Draw.js';

type Dtype = 'float32' | 'int32' | 'bool';

const anyDtype: Dtype[] = ['float32', 'int32', 'bool'];

interface Domain {
  dtypes?: Dtype[];
  low?: number;
  high?: number;
  /** Off where tfjs-backend-cpu and we are known to differ: see below. */
  specials?: boolean;
  attributes?: (draw: Draw) => Attributes;
}

const positive: Domain = { low: 0.01, dtypes: ['float32'] };
const floats: Domain = { dtypes: ['float32'] };
const within: Domain = { low: -0.99, high: 0.99, dtypes: ['float32'] };

const unary: Record<string, Domain> = {
  ...{ Exp: floats, Expm1: floats, Reciprocal: floats, Tanh: floats, Sigmoid: floats, Softplus: floats, Elu: floats },
  ...{ Floor: floats, Ceil: floats, Round: floats, Selu: floats, Log: positive, Log1p: positive, Sqrt: positive },
  ...{ IsNan: floats, IsInf: floats, IsFinite: floats, LogicalNot: { dtypes: ['bool'] } },
  ...{ Neg: {}, Abs: {}, Square: {}, Sign: {}, Relu: {}, Relu6: {}, ZerosLike: {}, OnesLike: {}, Identity: {} },
  ...{
    Acos: within,
    Asin: within,
    Atanh: within,
    Atan: floats,
    Asinh: floats,
    Acosh: { low: 1.01, dtypes: ['float32'] },
  },
  ...{ Cosh: floats, Sinh: floats },
  // 1 / sqrt(-0) is -Infinity in JavaScript.
  Rsqrt: { ...positive, specials: false },
  // tfjs-backend-cpu's is NaN at infinity, ours 1.
  Erf: { ...floats, specials: false },
  // Angles of 1e30 are beyond any float32 reduction.
  Sin: { ...floats, specials: false },
  Cos: { ...floats, specials: false },
  Tan: { ...floats, low: -1.5, high: 1.5, specials: false },
  Step: { attributes: (draw) => ({ alpha: draw.pick([0, 0.5, -1]) }) },
  LeakyRelu: { ...floats, attributes: (draw) => ({ alpha: draw.pick([0.2, 0, 1.5]) }) },
  ClipByValue: { attributes: (draw) => ({ clipValueMin: draw.uniform(-2, 0), clipValueMax: draw.uniform(0, 2) }) },
  Cast: { attributes: (draw) => ({ dtype: draw.pick(['float32', 'int32', 'bool', 'complex64']) }) },
  Real: { dtypes: ['float32'] },
  Imag: { dtypes: ['float32'] },
  ComplexAbs: { dtypes: ['float32'] },
};

const complex = ['Real', 'Imag', 'ComplexAbs'];

const unaryCalls: Generator[] = Object.entries(unary).map(
  ([kernel, { dtypes = anyDtype, low, high, specials = true, attributes }]) => ({
    kernel,
    draw: (draw) => {
      const shape = draw.shape();
      const input = complex.includes(kernel) ? 'input' : 'x';
      const operand = complex.includes(kernel)
        ? draw.tensor(shape, 'complex64')
        : operandOf(draw, shape, draw.pick(dtypes), { low, high, specials });
      return kernelCall(kernel, { [input]: operand }, attributes?.(draw));
    },
  }),
);

interface Values {
  low?: number | undefined;
  high?: number | undefined;
  specials?: boolean;
}

function operandOf(draw: Draw, shape: number[], dtype: Dtype, { low = -3, high = 3, specials = true }: Values) {
  return dtype === 'float32' ? draw.floats(shape, { low, high, specials }) : draw.tensor(shape, dtype);
}

const numbers: Domain = { dtypes: ['float32', 'int32'] };
const binary: Record<string, Domain> = {
  ...{ Add: numbers, Sub: numbers, Multiply: numbers, RealDiv: numbers, Maximum: numbers, Minimum: numbers },
  ...{ SquaredDifference: numbers, Mod: numbers, FloorDiv: numbers, Atan2: floats, Prelu: floats, EluGrad: floats },
  ...{ Equal: {}, NotEqual: {}, Less: {}, LessEqual: {}, Greater: {}, GreaterEqual: {} },
  ...{ LogicalAnd: { dtypes: ['bool'] }, LogicalOr: { dtypes: ['bool'] }, BitwiseAnd: { dtypes: ['int32'] } },
  Pow: { ...numbers, low: 0 },
};
const operandNames: Record<string, [string, string]> = { Prelu: ['x', 'alpha'], EluGrad: ['dy', 'y'] };

const binaryCalls: Generator[] = Object.entries(binary).map(([kernel, { dtypes = anyDtype, ...values }]) => ({
  kernel,
  draw: (draw) => {
    const [left, right] = operandNames[kernel] ?? ['a', 'b'];
    const dtype = draw.pick(dtypes);
    const shape = draw.shape();
    const shapes = draw.chance(0.4) ? [shape, shape] : [shape, draw.broadcastable(shape)];
    if (draw.chance(0.5)) shapes.reverse();
    const [a, b] = shapes.map((own) => operandOf(draw, own, dtype, values));
    return kernelCall(kernel, { [left]: a, [right]: b });
  },
}));

export const elementwiseCalls: Generator[] = [
  ...unaryCalls,
  ...binaryCalls,
  {
    kernel: 'AddN',
    draw: (draw) => {
      const shape = draw.shape();
      const dtype = draw.pick(['float32', 'int32'] as const);
      return listKernelCall(
        'AddN',
        draw.list(draw.int(1, 4), () => draw.tensor(shape, dtype)),
      );
    },
  },
  {
    kernel: 'Complex',
    draw: (draw) => {
      const shape = draw.shape();
      return kernelCall('Complex', { real: draw.floats(shape), imag: draw.floats(shape) });
    },
  },
  {
    kernel: 'Select',
    draw: (draw) => {
      const shape = draw.shape();
      const dtype = draw.dtype();
      const condition = draw.tensor(draw.chance(0.3) ? shape.slice(0, 1) : shape, 'bool');
      return kernelCall('Select', { condition, t: draw.tensor(shape, dtype), e: draw.tensor(shape, dtype) });
    },
  },
  {
    kernel: 'Fill',
    draw: (draw) =>
      kernelCall(
        'Fill',
        {},
        { shape: draw.shape(), value: draw.pick([0, 1, 2.5, -3]), dtype: draw.pick(['float32', 'int32', 'bool']) },
      ),
  },
];
