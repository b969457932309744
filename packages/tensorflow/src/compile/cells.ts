import type * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { VariableCell } from './VariableCell.js';

interface Held {
  readonly cell: VariableCell;
  holders: number;
}

/** The cells of variables, each shared by all compiled steps that use the variable. */
const cells = new WeakMap<tf.Variable, Held>();

/** The cell of a variable, until it is let go of as often as it was asked for. */
export function holdCell(backend: TensorFlowBackend, variable: tf.Variable): VariableCell {
  let held = cells.get(variable);
  if (!held) {
    held = { cell: new VariableCell(backend, variable), holders: 0 };
    cells.set(variable, held);
  }
  held.holders++;
  return held.cell;
}

/** Lets go of a variable's cell; the last to do so makes it an ordinary variable again. */
export function releaseCell(variable: tf.Variable): void {
  const held = cells.get(variable);
  if (!held || --held.holders > 0) return;
  cells.delete(variable);
  held.cell.dispose();
}
