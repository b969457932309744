import type { RoutingStatistics } from '@scmoe/gating';

import type { TrainingResult } from '../training/TrainingProgram.js';
import { commandName, commandNameOnRanks } from './commandName.js';
import { count, duration } from './format.js';
import { loadTable } from './loadTable.js';
import { gradientLine, overlapTable } from './overlapTable.js';

/** Training losses that are averaged: single batches differ too much. */
const reportedLosses = 50;

/** What a program adds to the lines of every result. */
export interface ResultLinesOptions {
  /** What a loss means besides nats, such as bits per byte; nothing for an empty text. */
  inWords?: (loss: number, split: 'training' | 'validation') => string;
  /** The load of the experts, see `measureExpertLoad`. */
  load?: readonly RoutingStatistics[];
}

/** Losses, speed, communication and expert load of a run that is complete. */
export function resultLines(
  { losses, seconds, unit, unitsPerStep, validation, stages, gradients }: TrainingResult,
  { inWords = () => '', load = [] }: ResultLinesOptions = {},
): string[] {
  const recent = losses.slice(-reportedLosses);
  const trainingLoss = recent.reduce((a, b) => a + b, 0) / recent.length;
  const lossText = (loss: number, split: 'training' | 'validation') => {
    const words = inWords(loss, split);
    return `${split} loss`.padEnd(17) + loss.toFixed(4) + (words && ` (${words})`);
  };
  const speed = count((losses.length * unitsPerStep) / seconds);
  return [
    `${lossText(trainingLoss, 'training')}, mean of the last ${recent.length} steps`,
    `${lossText(validation.loss, 'validation')}, over ${count(validation.weight)} ${unit}`,
    `speed            ${speed} ${unit}/s, ${duration(seconds)} of training steps`,
    ...titled('communication of a step, ms', stages.length > 0 ? overlapTable(stages) : []),
    ...gradientLine(gradients),
    ...titled('expert load, % of the tokens', loadTable(load)),
  ];
}

/** Where a complete run is, and the commands that go on from it: label and command line of each, `more text`. */
export function nextLines(
  { name, saved, folder, step, settings }: TrainingResult,
  further: Readonly<Record<string, string>> = {},
): string[] {
  const command = commandName(name);
  const twice = settings.steps === undefined ? `--minutes ${2 * settings.minutes!}` : `--steps ${step * 2}`;
  const lines = {
    saved,
    'go on': `${commandNameOnRanks(name)} train --resume ${folder.path} ${twice}`,
    ...Object.fromEntries(Object.entries(further).map(([label, rest]) => [label, `${command} ${rest}`])),
  };
  return Object.entries(lines).map(([label, text]) => `${label}:`.padEnd(12) + text);
}

function titled(title: string, table: readonly string[]): string[] {
  return table.length > 0 ? [title, ...table.map((line) => `  ${line}`)] : [];
}
