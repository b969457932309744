import type * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import type { PackedPlace, Packing } from '../recording/Packing.js';
import { VariableCell } from './VariableCell.js';
import type { VariableHome } from './VariableHome.js';
import { VariablePack } from './VariablePack.js';

/** A home that all compiled steps share which use its variables, until the last of them lets go of it. */
interface Shared<Home extends VariableHome> {
  readonly home: Home;
  readonly variables: readonly tf.Variable[];
  holders: number;
}

/** A variable may have one of each: in a pack for steps that XLA compiles, alone for others. The one with the latest value counts. */
const cells = new WeakMap<tf.Variable, Shared<VariableCell>>();
const packs = new WeakMap<tf.Variable, Shared<VariablePack>>();

/** Where the variables of a step lie. */
export interface StepHomes {
  /** The cell of each variable by its number; undefined for one that lies in a pack. */
  readonly cells: readonly (VariableCell | undefined)[];
  readonly packs: readonly VariablePack[];
  readonly packing: Packing;
  /** Lets go of them; the last to do so makes ordinary variables of theirs again. */
  release(): void;
}

/** What is to lie in packs. */
export interface HoldHomesOptions {
  /** Whether the step can have variables in packs at all. */
  canPack: boolean;
  /** The variables that come into a new pack unless they lie in one, by their numbers. */
  toPack: readonly number[];
}

/** The homes of a step's variables. */
export function holdHomes(
  backend: TensorFlowBackend,
  variables: readonly tf.Variable[],
  { canPack, toPack }: HoldHomesOptions,
): StepHomes {
  if (canPack) makePack(backend, variables, toPack);
  const shared = variables.map((variable) => (canPack ? packs.get(variable) : undefined));
  const held = [...new Set(shared.filter((pack) => pack !== undefined))];
  for (const pack of held) pack.holders++;
  return {
    cells: variables.map((variable, i) => (shared[i] ? undefined : holdCell(backend, variable))),
    packs: held.map(({ home }) => home),
    packing: {
      lengths: held.map(({ home }) => home.length),
      places: variables.map((variable, i): PackedPlace | undefined => {
        const pack = shared[i];
        return pack && { pack: held.indexOf(pack), first: pack.home.firstOf(variable) };
      }),
    },
    release: () => {
      for (const pack of held) release(packs, pack);
      for (const [i, variable] of variables.entries()) if (!shared[i]) release(cells, cells.get(variable)!);
    },
  };
}

function makePack(backend: TensorFlowBackend, variables: readonly tf.Variable[], toPack: readonly number[]): void {
  const alone = toPack.map((index) => variables[index]!).filter((variable) => !packs.has(variable));
  if (alone.length < 2) return;
  const pack = { home: new VariablePack(backend, alone), variables: alone, holders: 0 };
  for (const variable of alone) packs.set(variable, pack);
}

function holdCell(backend: TensorFlowBackend, variable: tf.Variable): VariableCell {
  let shared = cells.get(variable);
  if (!shared) {
    shared = { home: new VariableCell(backend, variable), variables: [variable], holders: 0 };
    cells.set(variable, shared);
  }
  shared.holders++;
  return shared.home;
}

function release<Home extends VariableHome>(all: WeakMap<tf.Variable, Shared<Home>>, shared: Shared<Home>): void {
  if (--shared.holders > 0) return;
  for (const variable of shared.variables) all.delete(variable);
  shared.home.dispose();
}
