import type { ModelExpertSource } from '@scmoe/models';
import type { Checkpoint } from '@scmoe/trainer';

import type { OptionGroup } from '../options/OptionGroup.js';

/** The experts of a trained model where they are not taken from its checkpoint. */
export interface OpenedExperts {
  source: ModelExpertSource;
  /** @throws UserError where they are those of another checkpoint */
  expectPackedFrom(checkpoint: Checkpoint): void;
  /** What they took so far, in one line. */
  summary(): string;
  /** Lets go of what they are read from. */
  close(): Promise<void>;
}

/** Options of a command that say where the experts of a model are, and what opens them. */
export interface ExpertsElsewhere<Flags extends object = object> {
  options: OptionGroup;
  /** @returns undefined where they are in the checkpoint. @throws UserError where they can't be opened */
  open(flags: Flags): Promise<OpenedExperts | undefined>;
}
