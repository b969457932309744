import type { Attributes } from '../binding/Attribute.js';
import type { DataType, TensorData } from '../binding/dataTypes.js';
import type { OperationInput } from '../binding/TensorFlowBinding.js';
import type { CodeLine } from './CodeLine.js';

/** The number of a value in a recording: inputs, constants and results of operations are counted together, from 0. */
export type ValueId = number;

/** What is known of a value before it is computed. */
export interface RecordedValue {
  readonly value: ValueId;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/**
 * Where an input comes from: what the step is called with, a variable, another tensor that was there before or, for a piece of a
 * recording, what came of an earlier piece or of the host.
 */
export type InputSource = 'argument' | 'variable' | 'captured' | 'earlier';

/** A value that is handed in at each call. */
export interface RecordedInput extends RecordedValue {
  readonly source: InputSource;
  /** Which one of its source: of the arguments, of the variables, of what is captured, or the value itself of what is earlier. */
  readonly index: number;
  /** Where it was first read. */
  readonly line: CodeLine;
}

/** Numbers of JavaScript that became part of the step. */
export interface RecordedConstant extends RecordedValue {
  /** All elements in the order of rows; one alone where all are equal. */
  readonly data: TensorData;
  readonly line: CodeLine;
}

/** One operation, by its name in TensorFlow. */
export interface RecordedNode {
  readonly operation: string;
  readonly attributes: Attributes;
  readonly inputs: readonly OperationInput[];
  readonly outputs: readonly RecordedValue[];
  readonly line: CodeLine;
}

/** A call of the host within the step: an exchange between ranks that starts, or is waited for. */
export interface RecordedCall {
  /** What it does, the same at each call of the step. */
  readonly name: string;
  /** Nodes that were recorded before it. */
  readonly after: number;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly RecordedValue[];
  /** Whether it has its turn right there; otherwise with the next one that has or, where it takes nothing, with the one before. */
  readonly isCut: boolean;
  readonly line: CodeLine;
}

/** The new value of a variable. */
export interface RecordedUpdate {
  /** Which of the variables. */
  readonly index: number;
  readonly value: ValueId;
}

/**
 * What a step did, as plain data: no tensor, no graph, nothing of any library. Constants and nodes stand in the order in which they
 * came, so that each reads what stands before it. It is what a compiler gets: `lowerToFunction` is the one for TensorFlow.
 */
export interface Recording {
  readonly inputs: readonly RecordedInput[];
  readonly constants: readonly RecordedConstant[];
  readonly nodes: readonly RecordedNode[];
  /** Turns of the host, in their order. */
  readonly calls: readonly RecordedCall[];
  readonly results: readonly ValueId[];
  readonly updates: readonly RecordedUpdate[];
}
