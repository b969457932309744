import type { Attributes } from '../binding/Attribute.js';
import type { TensorHandle } from '../binding/TensorFlowBinding.js';
import { lowerToFunction, type LoweredFunction } from '../recording/lowerToFunction.js';
import type { RecordedInput, Recording } from '../recording/Recording.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import type { VariableCell } from './VariableCell.js';

/** A stretch of a step as a function of TensorFlow. */
export class CompiledPiece {
  readonly recording: Recording;
  /** The variables that it reads or writes, by their number in the step. */
  readonly variables: readonly number[];
  private readonly backend: TensorFlowBackend;
  private readonly lowered: LoweredFunction;
  private readonly attributes: Attributes;

  constructor(backend: TensorFlowBackend, recording: Recording, { compile }: { compile: boolean }) {
    this.backend = backend;
    this.recording = recording;
    this.attributes = compile ? { _XlaMustCompile: true } : {};
    this.lowered = lowerToFunction(backend.tensorFlow, recording);
    this.variables = this.lowered.variables;
  }

  /** The name of its function. */
  get name(): string {
    return this.lowered.name;
  }

  /**
   * One call.
   *
   * @param idOf the tensor of an input
   * @param cells those of all variables of the step
   * @returns the recording's results
   */
  run(idOf: (input: RecordedInput) => number, cells: readonly (VariableCell | undefined)[]): TensorHandle[] {
    const { name, tensors, variables } = this.lowered;
    const resources = variables.map((index) => cells[index]!.resource);
    return this.backend.tensorFlow.execute(name, [...tensors.map(idOf), ...resources], this.attributes);
  }

  /** Forgets the function. */
  dispose(): void {
    this.backend.tensorFlow.removeFunction(this.lowered.name);
  }
}
