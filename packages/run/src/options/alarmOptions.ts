import { realNumber, wholeNumber } from './parsers.js';
import { type OptionGroup, optionsOf } from './OptionGroup.js';

/** When a run says that it goes wrong, and what it does about numbers that are none. */
export interface AlarmSettings {
  onDivergence?: 'stop' | 'skip' | 'rewind';
  divergenceLimit?: number;
  alarmLoss?: number;
  alarmIdleSteps?: number;
  alarmEntropy?: number;
  alarmDropped?: number;
  alarmLogits?: number;
}

/** Values of `AlarmSettings` where there are none, as in checkpoints of before there were alarms. */
export const defaultAlarms: Required<AlarmSettings> = {
  onDivergence: 'stop',
  divergenceLimit: 5,
  alarmLoss: 8,
  alarmIdleSteps: 100,
  alarmEntropy: 0.3,
  alarmDropped: 0.4,
  alarmLogits: 20,
};

/** The options of `AlarmSettings`. */
export function alarmOptions(): OptionGroup {
  const { onDivergence, divergenceLimit, alarmLoss, alarmIdleSteps, alarmEntropy, alarmDropped, alarmLogits } =
    defaultAlarms;
  const share = realNumber(0, { maximum: 1 });
  return {
    title: 'Alarms',
    options: optionsOf([
      [
        '--on-divergence <what>',
        'at a loss or gradient that is not finite: stop; skip the update; or rewind to the last checkpoint and go on with other data',
        (o) => o.choices(['stop', 'skip', 'rewind']).default(onDivergence),
      ],
      [
        '--divergence-limit <n>',
        'how often to skip or rewind before the run stops after all',
        (o) => o.argParser(wholeNumber(0)).default(divergenceLimit),
      ],
      [
        '--alarm-loss <x>',
        'alarm when the loss is so many deviations above its trend; 0: never',
        (o) => o.argParser(realNumber(0)).default(alarmLoss),
      ],
      [
        '--alarm-idle-steps <n>',
        'alarm when an expert gets no tokens for so many steps; 0: never',
        (o) => o.argParser(wholeNumber(0)).default(alarmIdleSteps),
      ],
      [
        '--alarm-entropy <x>',
        "alarm when the entropy of a layer's load is below this share of its largest value; 0: never",
        (o) => o.argParser(share).default(alarmEntropy),
      ],
      [
        '--alarm-dropped <x>',
        'alarm when more than this share of the choices of a layer finds no slot; 1: never',
        (o) => o.argParser(share).default(alarmDropped),
      ],
      [
        '--alarm-logits <x>',
        "alarm when a router's logits (their root mean square) have grown to this; 0: never",
        (o) => o.argParser(realNumber(0)).default(alarmLogits),
      ],
    ]),
  };
}
