import type { Call } from './Call.js';
import type { Draw } from './Draw.js';
import type { Operand } from './Operand.js';

// No larger numbers: TF.js would take a size at its word and allocate it.
const oddNumbers = [-1, -2, -7, 0, 0.5, 1.5, 3, 17, NaN, Infinity, -Infinity, '2', null, undefined];
const oddTexts = ['', 'nonsense', 'SAME', 'NHWC', null, undefined, 3];

/** The call with one argument, seldom two, of another value, kind, rank, size or dtype. */
export function makeOdd(call: Call, draw: Draw): Call {
  let odd = { ...call, operands: { ...call.operands }, attributes: { ...call.attributes } };
  for (let changes = draw.chance(0.2) ? 2 : 1; changes > 0; changes--) odd = changeOne(odd, draw);
  return odd;
}

function changeOne(call: Call, draw: Draw): Call {
  const operands = Object.keys(call.operands).filter((name) => call.operands[name]);
  const names = [...operands, ...Object.keys(call.attributes)];
  if (names.length === 0) return call;
  const name = draw.pick(names);
  const operand = call.operands[name];
  if (operand) call.operands[name] = oddOperand(operand, draw);
  else call.attributes[name] = oddValue(call.attributes[name], draw);
  return call;
}

function oddOperand(operand: Operand, draw: Draw): Operand {
  const { shape, dtype } = operand;
  switch (draw.int(0, 5)) {
    case 0:
      return draw.tensor(shape, draw.pick(['float32', 'int32', 'bool', 'bool', 'string', 'complex64'] as const));
    case 1:
      return draw.tensor(shape.toSpliced(draw.int(0, shape.length), 0, draw.size()), dtype);
    case 2:
      return draw.tensor(shape.toSpliced(draw.int(0, Math.max(0, shape.length - 1)), 1), dtype);
    case 3:
      return dtype === 'int32' ? draw.ints(shape, -20, 20) : draw.tensor(shape, dtype);
    default:
      if (shape.length === 0) return draw.tensor([draw.size()], dtype);
      return draw.tensor(shape.with(draw.int(0, shape.length - 1), draw.size()), dtype);
  }
}

function oddValue(value: unknown, draw: Draw): unknown {
  if (Array.isArray(value)) return oddList(value, draw);
  if (typeof value === 'boolean') return draw.chance(0.8) ? !value : draw.pick([0, 1, undefined, 'true']);
  if (typeof value === 'string') return draw.pick(oddTexts);
  if (typeof value === 'number' && draw.chance(0.3)) return value + draw.pick([-1, 1, 0.5, -0.25]);
  return draw.pick(oddNumbers);
}

function oddList(list: unknown[], draw: Draw): unknown {
  const at = draw.int(0, Math.max(0, list.length - 1));
  switch (draw.int(0, 4)) {
    case 0:
      return list.toSpliced(at, 1);
    case 1:
      return list.toSpliced(at, 0, list.length > 0 ? list[at] : draw.pick(oddNumbers));
    case 2:
      return list.length > 1 ? list.with(at, list[draw.int(0, list.length - 1)]) : draw.pick(oddNumbers);
    default:
      return list.length > 0 ? list.with(at, oddValue(list[at], draw)) : [draw.pick(oddNumbers)];
  }
}
