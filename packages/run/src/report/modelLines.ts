import type { RunModel } from '../training/RunModel.js';
import { count, short } from './format.js';

/** What a model is, and what it costs, in two lines. */
export function modelLines(
  model: RunModel,
  what: string,
  { unit, unitsPerStep, flopsPerUnit }: { unit: string; unitsPerStep: number; flopsPerUnit: number },
): string[] {
  const one = unit.replace(/s$/, '');
  return [
    `model: ${what}`,
    `       ${short(model.numParameters())} parameters, ${short(model.numActiveParameters())} active per token, ` +
      `${short(flopsPerUnit)}FLOP per ${one}, ${count(unitsPerStep)} ${unit} per step (${short(flopsPerUnit * unitsPerStep)}FLOP)`,
  ];
}
