import type { RunModel } from '../training/RunModel.js';
import { count, short } from './format.js';

/** What a model is, what it costs, and which losses its routers have, in a line each. */
export function modelLines(
  model: RunModel,
  what: string,
  { unit, unitsPerStep, flopsPerUnit }: { unit: string; unitsPerStep: number; flopsPerUnit: number },
): string[] {
  const losses = Object.entries(model.routerCoefficients ?? {}).filter(([, coefficient]) => coefficient > 0);
  const inWords = losses.map(([name, coefficient]) => `${name.replace(/Coefficient$/, '')} x ${coefficient}`);
  const routers = model.numExperts > 0 && model.routerCoefficients !== undefined;
  const one = unit.replace(/s$/, '');
  return [
    `model: ${what}`,
    `       ${short(model.numParameters())} parameters, ${short(model.numActiveParameters())} active per token, ` +
      `${short(flopsPerUnit)}FLOP per ${one}, ${count(unitsPerStep)} ${unit} per step (${short(flopsPerUnit * unitsPerStep)}FLOP)`,
    ...(routers ? [`       router losses: ${inWords.join(', ') || 'none'}`] : []),
  ];
}
