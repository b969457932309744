import { bytesText, ScmoeError } from '@scmoe/errors';

import type { Attributes } from '../binding/Attribute.js';
import type { DataType, TensorData } from '../binding/dataTypes.js';
import type { Executor, Graph, OperationInput, TensorHandle } from '../binding/TensorFlowBinding.js';
import { Constants } from '../backend/Constants.js';
import { CodeLine } from './CodeLine.js';
import { addConstant } from './addConstant.js';
import { asUniform } from './constantData.js';
import type {
  RecordedCall,
  RecordedConstant,
  RecordedInput,
  RecordedNode,
  RecordedUpdate,
  RecordedValue,
  Recording,
  ValueId,
} from './Recording.js';

/** What a recorder needs from around it. */
export interface RecorderOptions {
  /** Infers types and shapes of results; the recorder's to delete. */
  graph: Graph;
  /** Takes hold of a tensor from outside that the step reads for the first time: which variable it is of, or which captured one. */
  outside: (id: number) => Omit<RecordedInput, 'value' | 'line'>;
  /** The most bytes that one constant may have whose elements are not all equal. */
  maxConstantBytes: number;
}

/**
 * Notes operations down instead of running them. Its tensors have no elements, and ids that no real tensor has.
 */
export class Recorder implements Executor {
  private readonly graph: Graph;
  private readonly outside: RecorderOptions['outside'];
  private readonly maxConstantBytes: number;
  private readonly inputs: RecordedInput[] = [];
  private readonly constants: RecordedConstant[] = [];
  private readonly nodes: RecordedNode[] = [];
  private readonly calls: RecordedCall[] = [];
  /** The number in the graph of each value; below, what it is and what made it. */
  private readonly inGraph: number[] = [];
  private readonly values: RecordedValue[] = [];
  private readonly makers: string[] = [];
  private readonly lines: CodeLine[] = [];
  private readonly fromOutside = new Map<number, ValueId>();
  /** Symbolic tensors that nobody has let go of yet. */
  private readonly alive = new Set<ValueId>();
  private isOver = false;
  /** An error that the step may have caught. */
  private refusal: ScmoeError | undefined;

  constructor({ graph, outside, maxConstantBytes }: RecorderOptions) {
    this.graph = graph;
    this.outside = outside;
    this.maxConstantBytes = maxConstantBytes;
  }

  /** A tensor that stands for argument number `index` of the step. */
  argument(index: number, dtype: DataType, shape: readonly number[]): TensorHandle {
    return this.input({ source: 'argument', index, dtype, shape }, new CodeLine());
  }

  createTensor(dtype: DataType, shape: readonly number[], data: TensorData): TensorHandle {
    const line = new CodeLine();
    const uniform = asUniform(data);
    if (uniform === undefined && data.byteLength > this.maxConstantBytes) {
      throw new ScmoeError(
        `compileStep: a tensor of ${bytesText(data.byteLength)} was made on the host within the step, at ${line.text}: it would become ` +
          `a constant of at most ${bytesText(this.maxConstantBytes)}. Make it once before the step, pass it as an argument, or, ` +
          'of random numbers, make it of a seed that is an argument (dropout, randomUniform of @scmoe/tensor); maxConstantBytes moves the limit',
      );
    }
    // A copy, for a caller may go on to use its array for something else.
    const own = uniform ?? data.slice();
    const handle = this.newValue({ dtype, shape }, addConstant(this.graph, dtype, shape, own), 'a constant', line);
    this.constants.push({ ...this.values[valueOf(handle.id)]!, data: own, line });
    // The backend keeps small ones for itself, as long as this executor is there.
    if (data.length <= Constants.mostElements) this.alive.delete(valueOf(handle.id));
    return handle;
  }

  execute(operation: string, inputs: readonly OperationInput[], attributes: Attributes = {}): TensorHandle[] {
    if (this.isOver) throw new ScmoeError('compileStep: an operation ran on a recording that has ended');
    const line = new CodeLine();
    const values = inputs.map((input) => mapped(input, (id) => this.valueFor(id, line)));
    const inGraph = values.map((input) => mapped(input, (value) => this.inGraph[value]!));
    const { outputs } = this.graph.add(operation, { inputs: inGraph, attributes });
    const handles = outputs.map(({ id, dtype, shape }) => {
      if (shape === undefined || shape.some((size) => size < 0)) {
        throw new ScmoeError(
          `compileStep: the shape of what ${operation} gives depends on data, at ${line.text}: a compiled step has fixed shapes`,
        );
      }
      return this.newValue({ dtype, shape }, id, `the result of ${operation}`, line);
    });
    this.nodes.push({
      operation,
      attributes,
      inputs: values,
      outputs: handles.map(({ id }) => this.values[valueOf(id)]!),
      line,
    });
    return handles;
  }

  /** Notes down a call of the host, which gets some values and gives others. @returns what it gives */
  call(
    { name, isCut }: Pick<RecordedCall, 'name' | 'isCut'>,
    inputs: readonly number[],
    outputs: readonly Omit<RecordedValue, 'value'>[],
  ): TensorHandle[] {
    if (this.isOver) throw new ScmoeError(`compileStep: ${name} ran on a recording that has ended`);
    const line = new CodeLine();
    const values = inputs.map((id) => this.valueFor(id, line));
    const handles = outputs.map(({ dtype, shape }) =>
      this.newValue({ dtype, shape }, this.graph.placeholder(dtype, shape).id, `the result of ${name}`, line),
    );
    const given = handles.map(({ id }) => this.values[valueOf(id)]!);
    this.calls.push({ name, after: this.nodes.length, inputs: values, outputs: given, isCut, line });
    return handles;
  }

  read(id: number, reader = 'the step'): TensorData {
    const made = isOwn(id) ? ` ${this.makers[valueOf(id)]} (made at ${this.lines[valueOf(id)]?.text})` : ' a tensor';
    // Who reads later, by a promise, may never hear of it.
    this.refusal ??= new ScmoeError(
      `compileStep: ${reader} reads${made} on the host, at ${new CodeLine().text}: while it is recorded there are no numbers, and later ` +
        'nothing would be read again. Return it as a result of the step, or compute with tensors (tf.where instead of if)',
    );
    throw this.refusal;
  }

  delete(id: number): void {
    if (isOwn(id)) this.alive.delete(valueOf(id));
  }

  /** Whether a tensor is of this recording, not one from outside. */
  has(id: number): boolean {
    return isOwn(id);
  }

  /** The value that a tensor stands for. */
  valueOfTensor(id: number): ValueId {
    return this.valueFor(id, new CodeLine());
  }

  /**
   * What was recorded. All of its tensors must be gone by now.
   *
   * @throws ScmoeError where the step keeps one
   */
  finish(results: readonly ValueId[], updates: readonly RecordedUpdate[]): Recording {
    if (this.refusal) throw this.refusal;
    const [left] = this.alive;
    if (left !== undefined) {
      throw new ScmoeError(
        `compileStep: the step keeps ${this.makers[left]} beyond its end, made at ${this.lines[left]?.text}: what a step leaves behind ` +
          'for the next belongs into a tf.variable, or into its results',
      );
    }
    const { inputs, constants, nodes, calls } = this;
    return { inputs, constants, nodes, calls, results, updates };
  }

  /** Ends the recording: its tensors are of no use any more. */
  close(): void {
    this.isOver = true;
    this.graph.delete();
  }

  private valueFor(id: number, line: CodeLine): ValueId {
    if (isOwn(id)) {
      const value = valueOf(id);
      if (value < this.values.length) return value;
      throw new ScmoeError(
        `compileStep: a tensor of another recording is used at ${line.text}: it was kept beyond its step`,
      );
    }
    let value = this.fromOutside.get(id);
    if (value === undefined) {
      value = valueOf(this.input(this.outside(id), line).id);
      this.alive.delete(value); // no tensor of the program stands for it
      this.fromOutside.set(id, value);
    }
    return value;
  }

  private input({ source, index, dtype, shape }: Omit<RecordedInput, 'value' | 'line'>, line: CodeLine): TensorHandle {
    const { id } = this.graph.placeholder(dtype, shape);
    const maker = source === 'argument' ? `argument ${index}` : `a ${source} tensor`;
    const handle = this.newValue({ dtype, shape }, id, maker, line);
    this.inputs.push({ ...this.values[valueOf(handle.id)]!, source, index, line });
    return handle;
  }

  private newValue(
    { dtype, shape }: Omit<RecordedValue, 'value'>,
    inGraph: number,
    maker: string,
    line: CodeLine,
  ): TensorHandle {
    const value = this.values.length;
    this.values.push({ value, dtype, shape });
    this.inGraph.push(inGraph);
    this.makers.push(maker);
    this.lines.push(line);
    this.alive.add(value);
    return { id: -1 - value, dtype, shape };
  }
}

/** Ids of variables from here downwards, of the recorder's own tensors from -1 to here, of real tensors from 0 on. */
export const firstVariableId = -(2 ** 40);

function isOwn(id: number): boolean {
  return id < 0 && id > firstVariableId;
}

function valueOf(id: number): ValueId {
  return -1 - id;
}

function mapped(input: OperationInput, change: (id: number) => number): OperationInput {
  return typeof input === 'number' ? change(input) : input.map(change);
}
