import { attributeBytes, type Attributes } from '../binding/Attribute.js';
import { sameData } from './constantData.js';
import type { CodeLine } from './CodeLine.js';
import type { RecordedCall, RecordedConstant, RecordedInput, RecordedNode, Recording, ValueId } from './Recording.js';

/**
 * What a step did otherwise the second time, in a sentence; undefined where both recordings are the same computation. The first
 * difference is told, for those after it may follow from it.
 *
 * @param isSame whether two inputs, one of each recording, are the same variable or the same captured tensor
 */
export function firstDifference(
  before: Recording,
  now: Recording,
  isSame: (before: RecordedInput, now: RecordedInput) => boolean,
): string | undefined {
  const constantsBefore = new Map(before.constants.map((constant) => [constant.value, constant]));
  const constantsNow = new Map(now.constants.map((constant) => [constant.value, constant]));
  for (const [i, node] of now.nodes.entries()) {
    const other = before.nodes[i];
    if (!other) return `${node.operation} runs at ${node.line.text}, where the step had ended before. ${anotherWay}`;
    const difference =
      ofConstants(other, node, constantsBefore, constantsNow) ?? ofNodes(other, node) ?? ofAttributes(other, node);
    if (difference !== undefined) return difference;
  }
  const next = before.nodes[now.nodes.length];
  if (next) return `the step ends where ${next.operation} ran before, at ${next.line.text}. ${anotherWay}`;
  const call = now.calls.find((other, i) => !isSameCall(before.calls[i], other));
  if (call) return `${call.name} is called at ${call.line.text}, where it was not before. ${anotherWay}`;
  const missing = before.calls[now.calls.length];
  if (missing) return `${missing.name} is not called, as it was before at ${missing.line.text}. ${anotherWay}`;
  const ends = ({ results, updates }: Recording) => JSON.stringify([results, updates]);
  if (ends(before) !== ends(now)) return `other results or other variables come out. ${anotherWay}`;
  return (
    ofInputs(before.inputs, now.inputs, isSame) ??
    // Those that no operation reads: a result, or the new value of a variable.
    now.constants.map((constant, i) => ofConstant(before.constants[i], constant)).find((text) => text !== undefined)
  );
}

function isSameCall(before: RecordedCall | undefined, now: RecordedCall): boolean {
  const form = ({ line: _, ...call }: RecordedCall) => JSON.stringify(call);
  return before !== undefined && form(before) === form(now);
}

const anotherWay =
  'A step has to run the same operations at each call: what decides between two ways may not change from call to call';

function ofInputs(
  before: readonly RecordedInput[],
  now: readonly RecordedInput[],
  isSame: (before: RecordedInput, now: RecordedInput) => boolean,
): string | undefined {
  const changed = now.find((input, i) => {
    const other = before[i];
    return input.source !== 'argument' && !(other?.source === input.source && isSame(other, input));
  });
  if (changed === undefined) return undefined;
  return (
    `another ${changed.source === 'variable' ? 'variable' : 'tensor'} of shape [${changed.shape.join(', ')}] is read from outside at ` +
    `${changed.line.text} than the time before. Pass it as an argument, or hold it in one tf.variable`
  );
}

function ofConstants(
  before: RecordedNode,
  now: RecordedNode,
  constantsBefore: ReadonlyMap<ValueId, RecordedConstant>,
  constantsNow: ReadonlyMap<ValueId, RecordedConstant>,
): string | undefined {
  const valuesBefore = before.inputs.flat();
  for (const [i, value] of now.inputs.flat().entries()) {
    const constant = constantsNow.get(value);
    const difference = constant && ofConstant(constantsBefore.get(valuesBefore[i]!), constant, now.line);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** How a constant differs from that in its place before; nothing of those that are no numbers of one kind. */
function ofConstant(
  before: RecordedConstant | undefined,
  now: RecordedConstant,
  line: CodeLine = now.line,
): string | undefined {
  if (before?.dtype !== now.dtype) return undefined;
  if (before.data.length === 1 && now.data.length === 1) {
    if (sameData(before.data, now.data)) return undefined;
    return (
      `the number ${before.data[0]} became part of the step at ${line.text}, and it is ${now.data[0]} now. ` +
      'Pass it as an argument: a number is handed to the step as a scalar'
    );
  }
  if (String(before.shape) !== String(now.shape) || sameData(before.data, now.data)) return undefined;
  return (
    `numbers of shape [${now.shape.join(', ')}] were made on the host at ${line.text}, and they are others now. Pass them as an ` +
    'argument or, where they are random, make them of a seed that is one (dropout, randomUniform of @scmoe/tensor)'
  );
}

function ofNodes(before: RecordedNode, now: RecordedNode): string | undefined {
  const form = ({ operation, inputs, outputs }: RecordedNode) => JSON.stringify([operation, inputs, outputs]);
  if (form(before) === form(now)) return undefined;
  return `${now.operation} ${shapes(now)} runs at ${now.line.text} instead of ${before.operation} ${shapes(before)} at ${before.line.text}. ${anotherWay}`;
}

function shapes({ outputs }: RecordedNode): string {
  return `(gives ${outputs.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`).join(', ') || 'nothing'})`;
}

function ofAttributes(before: RecordedNode, now: RecordedNode): string | undefined {
  const names = new Set([...Object.keys(before.attributes), ...Object.keys(now.attributes)]);
  const changed = [...names].find((name) => !sameAttribute(before.attributes, now.attributes, name));
  if (changed === undefined) return undefined;
  return (
    `${now.operation} at ${now.line.text} has another '${changed}' than the time before: a JavaScript value that changes from call to ` +
    'call became part of the step'
  );
}

function sameAttribute(before: Attributes, now: Attributes, name: string): boolean {
  const [a, b] = [before[name], now[name]];
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(attributeBytes(a), attributeBytes(b)) === 0;
}
