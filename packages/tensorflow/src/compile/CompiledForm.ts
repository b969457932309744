import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { Attributes } from '../binding/Attribute.js';
import { firstDifference } from '../recording/firstDifference.js';
import { lowerToFunction, type LoweredFunction } from '../recording/lowerToFunction.js';
import type { RecordedInput } from '../recording/Recording.js';
import { asTensor } from './currentBackend.js';
import { holdCell, releaseCell } from './cells.js';
import type { RecordedStep } from './recordStep.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import type { VariableCell } from './VariableCell.js';

/** A step that was recorded for arguments of certain shapes, as a function of TensorFlow. */
export class CompiledForm {
  /** Operations of the recording. */
  readonly operations: number;
  /** Calls so far. */
  calls = 0;
  private readonly backend: TensorFlowBackend;
  private readonly recorded: RecordedStep;
  private readonly compile: boolean;
  private readonly lowered: LoweredFunction;
  private readonly cells: readonly VariableCell[];
  /** The cells that get a new value. */
  private readonly written: readonly VariableCell[];

  /** Takes over what `recorded` holds. */
  constructor(backend: TensorFlowBackend, recorded: RecordedStep, { compile }: { compile: boolean }) {
    const { recording, variables } = recorded;
    this.backend = backend;
    this.recorded = recorded;
    this.compile = compile;
    this.operations = recording.nodes.length;
    this.lowered = lowerToFunction(backend.tensorFlow, recording);
    const all = variables.map((variable) => holdCell(backend, variable));
    this.cells = this.lowered.variables.map((index) => all[index]!);
    this.written = recording.updates.map(({ index }) => all[index]!);
  }

  /** One call: new values lie in the variables afterwards. @returns the step's result, of new tensors */
  run(tensors: readonly tf.Tensor[]): unknown {
    const { backend, recorded, lowered } = this;
    for (const cell of this.cells) cell.bringIn();
    for (const cell of this.written) cell.letWrite();
    const inputs = lowered.tensors.map(({ source, index }) =>
      source === 'argument' ? backend.ownIdOf(tensors[index]!) : recorded.captured[index]!.id,
    );
    const resources = this.cells.map(({ resource }) => resource);
    const attributes: Attributes = this.compile ? { _XlaMustCompile: true } : {};
    const held = this.writesInPlace() ? [] : this.written.map((cell) => cell.hold());
    try {
      const outputs = backend.tensorFlow.execute(this.lowered.name, [...inputs, ...resources], attributes);
      const result = recorded.results.rebuild(outputs.map((output) => asTensor(backend.adopt(output))));
      this.calls++;
      return result;
    } catch (error) {
      if (this.writesInPlace()) {
        for (const cell of this.written) cell.lose();
      } else {
        this.written.forEach((cell, i) => cell.putBack(held[i]!));
      }
      throw this.explained(error as Error);
    } finally {
      for (const id of held) backend.tensorFlow.delete(id);
    }
  }

  /**
   * Whether a call writes over what the variables hold. A call that fails on the way can't give it back then: TensorFlow frees that
   * memory and leaves the variables to point there. What may fail, for want of memory, does so in the first call, which has the values
   * twice therefore; TensorFlow without XLA never writes in place.
   */
  private writesInPlace(): boolean {
    return this.compile && this.calls > 0 && this.written.length > 0;
  }

  /** How another recording of the same step differs, in a sentence. */
  differenceTo(other: RecordedStep): string | undefined {
    const isSame = (before: RecordedInput, now: RecordedInput) =>
      before.source === 'variable'
        ? this.recorded.variables[before.index] === other.variables[now.index]
        : this.recorded.captured[before.index]!.original === other.captured[now.index]!.original;
    if (this.recorded.results.form !== other.results.form)
      return 'its result is put together in another way than before';
    return firstDifference(this.recorded.recording, other.recording, isSame);
  }

  /** Forgets the function; variables that no other compiled step uses are ordinary ones again. */
  dispose(): void {
    const { tensorFlow } = this.backend;
    tensorFlow.removeFunction(this.lowered.name);
    for (const { id } of this.recorded.captured) tensorFlow.delete(id);
    for (const variable of this.recorded.variables) releaseCell(variable);
  }

  /** An error of XLA with the line of each operation that it does not know. */
  private explained(error: Error): Error {
    if (!/unsupported op|No registered|not compilable/i.test(error.message)) return error;
    const unknown = this.recorded.recording.nodes.find(({ operation }) =>
      new RegExp(`\\b${operation}\\b`).test(error.message.replaceAll(this.lowered.name, '')),
    );
    if (!unknown) return error;
    return new ScmoeError(
      `compileStep: XLA has no compiled form of ${unknown.operation}, which runs at ${unknown.line.text}. Write the step without it, or ` +
        'take { compile: false }: one call all the same, by TensorFlow itself',
      { cause: error },
    );
  }
}
