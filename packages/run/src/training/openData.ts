import { UserError } from '@scmoe/errors';
import { type Checkpoint, checkAgreement } from '@scmoe/trainer';

import { say } from '../cli/Terminal.js';
import { settingsToJson } from '../options/Settings.js';
import type { Start } from './openStart.js';
import { settingGroups } from './settingGroups.js';
import type { RunData } from './TrainingProgram.js';

/**
 * Loads the data, and makes sure that they are those the run has begun with and that all ranks have the same.
 *
 * @throws UserError naming what differs
 */
export async function openData({ program, options, ranks, checkpoint, step, settings }: Start): Promise<RunData> {
  const data = await program.loadData(settings, checkpoint?.dataDescription, ranks.terminal, ranks.groups?.world);
  say(ranks.terminal, `data: ${data.line}`);
  if (checkpoint && !options.allowNewData) checkSameData(checkpoint, data);
  if (ranks.groups) {
    const groups = settingGroups(program);
    const local = groups.flatMap((group) => group.local ?? []);
    const common = Object.entries(settingsToJson(settings, groups)).filter(([name]) => !local.includes(name));
    await checkAgreement(ranks.groups.world, {
      'the settings': JSON.stringify(common),
      '--overlap, --chunks, --expert-chunks, --backward-..., --split, --place-gradients and --trace': JSON.stringify([
        options.overlap,
        options.chunks,
        options.expertChunks,
        options.backwardChunks ?? null,
        options.backwardExpertChunks ?? null,
        options.placeGradients ?? null,
        options.split,
        options.trace !== undefined,
      ]),
      'the data (--data)': data.fingerprint,
      'the step of the checkpoint': String(step),
    });
  }
  return data;
}

function checkSameData({ path, index }: Checkpoint, { fingerprint }: RunData): void {
  if (index.dataFingerprint === fingerprint) return;
  throw new UserError(
    `The data changed since ${path} was saved: expected fingerprint ${index.dataFingerprint.slice(0, 16)}, got ${fingerprint.slice(0, 16)}. ` +
      '--data names the data; --allow-new-data goes on with other data.',
  );
}
