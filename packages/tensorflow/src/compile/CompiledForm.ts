import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { cutRecording } from '../recording/cutRecording.js';
import { firstDifference } from '../recording/firstDifference.js';
import { lastUses } from '../recording/lastUses.js';
import type { RecordedInput, ValueId } from '../recording/Recording.js';
import { variablesToPack } from '../recording/variablesToPack.js';
import { CompiledPiece } from './CompiledPiece.js';
import { asTensor } from './currentBackend.js';
import { holdHomes, type StepHomes } from './homes.js';
import type { RecordedStep } from './recordStep.js';
import { StepValues } from './StepValues.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import type { VariableHome } from './VariableHome.js';

/** A home that a step uses, and which of its variables. */
interface UsedHome {
  readonly home: VariableHome;
  readonly variables: readonly tf.Variable[];
  /** Those that get a new value. */
  readonly written: readonly tf.Variable[];
  /** What it counted when all was as a call needs it. */
  touches: number;
}

/** A step that was recorded for arguments of certain shapes, as functions of TensorFlow with the host's calls between them. */
export class CompiledForm {
  /** Operations of the recording. */
  readonly operations: number;
  /** Calls so far. */
  calls = 0;
  private readonly backend: TensorFlowBackend;
  private readonly recorded: RecordedStep;
  private readonly compile: boolean;
  /** What is run, in its order: pieces, and the numbers of calls of the host. */
  private readonly stretches: readonly (CompiledPiece | number)[];
  /** What each of them is the last to use. */
  private readonly lastUses: readonly ValueId[][];
  private readonly homes: StepHomes;
  private readonly used: readonly UsedHome[];
  /** Those of `used` that are written. */
  private readonly written: readonly UsedHome[];

  /** Takes over what `recorded` holds. */
  constructor(backend: TensorFlowBackend, recorded: RecordedStep, { compile }: { compile: boolean }) {
    const { recording, variables } = recorded;
    this.backend = backend;
    this.recorded = recorded;
    this.compile = compile;
    this.operations = recording.nodes.length;
    const stretches = cutRecording(recording);
    this.lastUses = lastUses(stretches, recording);
    const toPack = variablesToPack(recording, variables);
    this.homes = holdHomes(backend, variables, { canPack: compile, toPack });
    const made: (CompiledPiece | number)[] = [];
    this.stretches = made;
    try {
      for (const stretch of stretches) {
        const { homes } = this;
        made.push(
          stretch.kind === 'call' ? stretch.index : new CompiledPiece(backend, stretch.recording, { compile, homes }),
        );
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.used = this.usedHomes();
    this.written = this.used.filter(({ written }) => written.length > 0);
  }

  /** Pieces of which the step consists. */
  get numPieces(): number {
    return this.pieces().length;
  }

  /** One call: new values lie in the variables afterwards. @returns the step's result, of new tensors */
  run(tensors: readonly tf.Tensor[]): unknown {
    const { recorded, stretches } = this;
    const touched = this.used.filter(({ home, touches }) => home.touches !== touches);
    if (touched.length > 0) {
      for (const { home, variables } of touched) home.bringIn(variables);
      // Those as well from which a variable was brought to another.
      const rewritten = this.written.filter(({ home, touches }) => home.touches !== touches);
      for (const { home, written } of rewritten) home.letWrite(written);
      for (const used of this.used) used.touches = used.home.touches;
    }
    const values = new StepValues();
    try {
      for (const [i, stretch] of stretches.entries()) {
        if (typeof stretch === 'number') this.runCall(stretch, values);
        else this.runPiece(stretch, values, tensors);
        values.free(this.lastUses[i]!);
      }
      const results = values.give(recorded.recording.results);
      this.calls++;
      return recorded.results.rebuild(results);
    } finally {
      values.give([]); // after an error
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

  /** Forgets the functions; variables that no other compiled step uses are ordinary ones again. */
  dispose(): void {
    for (const piece of this.pieces()) piece.dispose();
    for (const { id } of this.recorded.captured) this.backend.tensorFlow.delete(id);
    this.homes.release();
  }

  private pieces(): CompiledPiece[] {
    return this.stretches.filter((stretch) => typeof stretch !== 'number');
  }

  /** The homes that pieces use, of those that the step holds. */
  private usedHomes(): UsedHome[] {
    const { recorded, homes } = this;
    const { cells, packs, packing } = homes;
    const homeOf = (index: number): VariableHome => cells[index] ?? packs[packing.places[index]!.pack]!;
    const written = new Set(recorded.recording.updates.map(({ index }) => recorded.variables[index]!));
    return [...new Set(this.pieces().flatMap((piece) => piece.homes))].map((home) => {
      const variables = recorded.variables.filter((_, index) => homeOf(index) === home);
      return { home, variables, written: variables.filter((variable) => written.has(variable)), touches: -1 };
    });
  }

  private runPiece(piece: CompiledPiece, values: StepValues, tensors: readonly tf.Tensor[]): void {
    const { backend, recorded } = this;
    const idOf = ({ source, index }: RecordedInput) => {
      if (source === 'captured') return recorded.captured[index]!.id;
      return backend.ownIdOf(source === 'argument' ? tensors[index]! : values.get(index));
    };
    // All of a step's updates are in one piece, its last: what fails before leaves the variables as they were.
    const written = piece.recording.updates.length > 0 ? this.written : [];
    const held = this.writesInPlace() ? [] : written.map(({ home }) => home.hold());
    try {
      const outputs = piece.run(idOf);
      piece.recording.results.forEach((value, i) => values.set(value, asTensor(backend.adopt(outputs[i]!))));
    } catch (error) {
      if (this.writesInPlace()) {
        for (const { home } of written) home.lose();
      } else {
        written.forEach(({ home }, i) => home.putBack(held[i]!));
      }
      throw this.explained(error as Error, piece);
    } finally {
      for (const id of held) backend.tensorFlow.delete(id);
    }
  }

  private runCall(index: number, values: StepValues): void {
    const { name, inputs, outputs } = this.recorded.recording.calls[index]!;
    const given = this.recorded.calls[index]!(inputs.map((value) => values.get(value)));
    const texts = [outputs, given].map((list) => list.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`));
    if (String(texts[0]) !== String(texts[1])) {
      tf.dispose(given);
      const [expected, got] = texts.map((list) => list.join(', ') || 'nothing');
      throw new ScmoeError(`compileStep: ${name}: expected ${expected}, as it was recorded, got ${got}`);
    }
    outputs.forEach(({ value }, i) => values.set(value, given[i]!));
  }

  /** An error of XLA with the line of each operation that it does not know. */
  private explained(error: Error, { name, recording }: CompiledPiece): Error {
    if (!/unsupported op|No registered|not compilable/i.test(error.message)) return error;
    const unknown = recording.nodes.find(({ operation }) =>
      new RegExp(`\\b${operation}\\b`).test(error.message.replaceAll(name, '')),
    );
    if (!unknown) return error;
    return new ScmoeError(
      `compileStep: XLA has no compiled form of ${unknown.operation}, which runs at ${unknown.line.text}. Write the step without it, or ` +
        'take { compile: false }: one call all the same, by TensorFlow itself',
      { cause: error },
    );
  }
}
