import type { Attributes } from '../binding/Attribute.js';
import type { TensorHandle } from '../binding/TensorFlowBinding.js';
import { lowerToFunction, type LoweredFunction } from '../recording/lowerToFunction.js';
import type { RecordedInput, Recording } from '../recording/Recording.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import type { StepHomes } from './homes.js';
import type { VariableHome } from './VariableHome.js';

/** What a piece runs on. */
export interface CompiledPieceOptions {
  compile: boolean;
  /** Those of all variables of the step. */
  homes: StepHomes;
}

/** A stretch of a step as a function of TensorFlow. */
export class CompiledPiece {
  readonly recording: Recording;
  /** The homes of the variables that it reads or writes. */
  readonly homes: readonly VariableHome[];
  private readonly backend: TensorFlowBackend;
  private readonly lowered: LoweredFunction;
  private readonly resources: readonly number[];
  private readonly attributes: Attributes;

  constructor(backend: TensorFlowBackend, recording: Recording, { compile, homes }: CompiledPieceOptions) {
    this.backend = backend;
    this.recording = recording;
    this.attributes = compile ? { _XlaMustCompile: true } : {};
    this.lowered = lowerToFunction(backend.tensorFlow, recording, homes.packing);
    const { variables, packs } = this.lowered;
    this.homes = [...variables.map((index) => homes.cells[index]!), ...packs.map((number) => homes.packs[number]!)];
    this.resources = this.homes.map(({ resource }) => resource);
  }

  /** The name of its function. */
  get name(): string {
    return this.lowered.name;
  }

  /**
   * One call.
   *
   * @param idOf the tensor of an input
   * @returns the recording's results
   */
  run(idOf: (input: RecordedInput) => number): TensorHandle[] {
    const { name, tensors } = this.lowered;
    return this.backend.tensorFlow.execute(name, [...tensors.map(idOf), ...this.resources], this.attributes);
  }

  /** Forgets the function. */
  dispose(): void {
    this.backend.tensorFlow.removeFunction(this.lowered.name);
  }
}
