import type { Communicator } from '@scmoe/comm';
import type { ExpertShard, GradientPlacementReport, StageReport, TensorShard } from '@scmoe/layer';
import type { ModelExpertSource } from '@scmoe/models';
import type { Batch, EvaluationResult, JsonObject, RunFolder, Trainable } from '@scmoe/trainer';
import type * as tf from '@tensorflow/tfjs';

import type { Terminal } from '../cli/Terminal.js';
import type { OptionGroup } from '../options/OptionGroup.js';
import type { RunSettings } from '../options/Settings.js';
import type { LoopSettings } from '../options/trainingOptions.js';
import type { RunModel } from './RunModel.js';

/** What a program trains on, and what of it is kept in checkpoints. */
export interface RunData {
  /** Equal for equal data in equal splits: a run goes on with the data it has begun with. */
  readonly fingerprint: string;
  /** What was read, in one line. */
  readonly line: string;
  /** What it takes to make the model, and to use it later without these data: a tokenizer, or the names of classes. */
  readonly description: JsonObject;
  /** Frees what the data hold open: files, threads. */
  close?(): Promise<void>;
}

/** A process among those that train together. */
export interface RankPlace {
  rank: number;
  size: number;
}

/** Where a model starts, and which of the experts it has. */
export interface ModelOptions {
  seed: number;
  /** How many values the checkpoint that describes the model has: more are refused before memory is taken for them. */
  maxValues?: number;
  /** This rank's place among those that share the experts; all of them are here where there is none. */
  experts?: ExpertShard;
  /** This rank's place among those that have a slice each of attentions and MLPs; they are whole where there is none. */
  tensor?: TensorShard;
  /** Computes the experts, which are no parameters of the model then. */
  expertSource?: ModelExpertSource;
}

/** A model in words and numbers. */
export interface ModelDescription {
  /** What it is, in one line. */
  line: string;
  /** Floating-point operations of forward and backward for one unit, see `samples`. */
  flopsPerUnit: number;
  /** Bytes that training keeps of one unit at the least; 0 where nobody knows. */
  leastBytesPerUnit?: number;
}

/** What a program's own types are. */
export interface ProgramTypes {
  model: RunModel;
  data: RunData;
  /** Those of every program, and the program's own. */
  settings: RunSettings;
  batch: Batch;
  /** Options of the `train` command that are no settings, the program's own. */
  flags: object;
}

/** What is trained and evaluated in the place of a model's own loss, from its passes. */
export type Objective<Types extends ProgramTypes = ProgramTypes> = Pick<Types['model'], 'loss'>;

/** A complete run, for the program's report. */
export interface TrainingResult<Types extends ProgramTypes = ProgramTypes> {
  /** The name of the program. */
  name: string;
  /** The trained model with all experts, however many ranks have trained it. */
  model: Types['model'];
  data: Types['data'];
  settings: Types['settings'];
  flags: Types['flags'];
  folder: RunFolder;
  /** The folder of the last checkpoint. */
  saved: string;
  step: number;
  /** Cross-entropy of each step of this session. */
  losses: readonly number[];
  /** The time of these steps. */
  seconds: number;
  /** What speeds and losses are counted in: `tokens`. */
  unit: string;
  unitsPerStep: number;
  validation: EvaluationResult;
  /** Stages whose tokens travel between ranks. */
  stages: readonly StageReport[];
  /** What became of the averaging of gradients, on several ranks. */
  gradients?: GradientPlacementReport;
  terminal: Terminal;
}

/** The samples of a program: what a batch has `--batch-size` of, and what its speed is counted in. */
export interface Samples<Settings> {
  /** `sequences` */
  readonly name: string;
  /** `tokens` */
  readonly unit: string;
  /** Units of one sample. */
  unitsEach(settings: Settings): number;
}

/**
 * What is special to one training program, to text or to images; `trainCommand` does all that every program does. Every
 * rank calls the methods, except `report`.
 */
export interface TrainingProgram<Types extends ProgramTypes = ProgramTypes> {
  /** The name that the program is called by: `lm-train`. */
  readonly name: string;
  /** The first part of the names of run folders: `lm`. */
  readonly runName: string;
  /** A setting that its checkpoints have and those of other programs have not: `latest` is its own newest one. Default: none. */
  readonly ownSetting?: string;
  readonly samples: Samples<Types['settings']>;
  /** The program's own settings, in the order of `--help`: what makes its data and its model. */
  readonly settings: readonly OptionGroup[];
  /** Options of its `train` command that change nothing of what is computed. */
  readonly flags?: OptionGroup;
  /** Values that suit the program better than the defaults of the training loop. */
  readonly defaults?: Partial<LoopSettings>;

  /**
   * Completes the settings of a run that starts anew, where some follow from others or from files that they name. `given`
   * says whether a setting was on the command line or in its config file.
   *
   * @throws UserError for a file that can't be read
   */
  completeSettings?(settings: Types['settings'], given: (name: string) => boolean): Promise<Types['settings']>;
  /**
   * Reads the data.
   *
   * @param described of a run that goes on: the description that its checkpoint has of them
   * @param terminal where the progress of what takes long is shown
   * @param world the ranks that read the same data, all of which call it: for what need not be done on each, `oncePerHost`
   * @throws UserError when there are no usable data
   */
  loadData(
    settings: Types['settings'],
    described: JsonObject | undefined,
    terminal: Terminal,
    world?: Communicator,
  ): Promise<Types['data']>;
  /**
   * Makes a model with fresh parameters; a checkpoint may replace them.
   *
   * @param described `description` of the data, or what a checkpoint has of it
   * @throws ArgumentError when the settings can't be combined
   */
  createModel(settings: Types['settings'], described: JsonObject, options: ModelOptions): Types['model'];
  /**
   * Gives a fresh model other values to start from than random ones, those of a pretrained model, and says on the terminal
   * what it took.
   *
   * @throws UserError where there are none that fit
   */
  initialize?(
    model: Types['model'],
    settings: Types['settings'],
    described: JsonObject,
    terminal: Terminal,
  ): Promise<void>;
  /**
   * Makes what is trained where it is not the model's own loss alone, such as the distance to another model.
   *
   * @param start `isFresh`: the model is not one of a checkpoint, so that its parameters may still be given others
   * @throws UserError where that can't be had
   */
  objective?(
    model: Types['model'],
    settings: Types['settings'],
    start: { described: JsonObject; isFresh: boolean; terminal: Terminal },
  ): Promise<Objective<Types> | undefined>;
  /** Says in words and numbers what the model is. */
  describe(model: Types['model'], settings: Types['settings']): ModelDescription;
  /**
   * Makes batches by their number in the run, a function of (seed, number) alone: a resumed run draws the same ones. Rank r
   * of n asks for the numbers r, r + n, r + 2n and so on, for what is made ahead.
   */
  drawBatch(data: Types['data'], settings: Types['settings'], place: RankPlace): (index: number) => Types['batch'];
  /** Metrics of a pass of evaluation beside the losses, scalars that are means over the batch: the accuracy. */
  measure?(this: void, pass: ReturnType<Types['model']['loss']>, batch: Types['batch']): Record<string, tf.Scalar>;
  /**
   * Measures the model on data that it is not trained on; the ranks of `world` share the batches. `loss` is what progress
   * and reports show, each of `metrics` is recorded under its name with `validation` before it.
   */
  evaluate(
    model: Trainable<Types['batch']>,
    data: Types['data'],
    settings: Types['settings'],
    world?: Communicator,
  ): Promise<EvaluationResult>;
  /** Tells what a complete run has come to, on rank 0 alone: `resultLines`, what is special to it, `nextLines`. */
  report(result: TrainingResult<Types>): Promise<void>;
}
