import { gptOptions, vitOptions } from '@scmoe/models';
import { InvalidArgumentError, type Option } from 'commander';

import { alarmOptions } from './alarmOptions.js';
import { expertOptions } from './expertOptions.js';
import { rankOptions } from './rankOptions.js';
import { runtimeOptions } from './runtimeOptions.js';
import { tableOptions } from './tableOptions.js';
import { trainingOptions } from './trainingOptions.js';

const odd = [
  ...[
    '',
    ' ',
    '-',
    '-1',
    '-0',
    '0',
    '1.5',
    '1e9',
    '1e308',
    '1e309',
    'NaN',
    'Infinity',
    '-Infinity',
    'abc',
    '0x10',
    '1,2',
    '1_000',
  ],
  ...[
    '9007199254740991',
    '9007199254740993',
    'null',
    'true',
    'constructor',
    '__proto__',
    '../escape',
    '\u0000',
    '\ud800',
    '٣',
  ],
];

const groups = [runtimeOptions(), rankOptions(), trainingOptions('samples'), alarmOptions(), ...expertOptions()];
const options = [
  ...groups.flatMap((group) => group.options),
  ...[gptOptions, vitOptions].flatMap((table) => tableOptions(table)),
].filter(({ parseArg }) => parseArg !== undefined);

/** Whether a value is one that a program can go on with: a number that is none would pass all comparisons. */
function isSound(value: unknown, { argChoices }: Option): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return (argChoices ?? ['auto', 'off']).includes(String(value));
}

it.each(options.map((option) => [option.long!, option] as const))(
  '%s takes a value or says what it expects',
  (_, option) => {
    for (const text of odd) {
      let value: unknown;
      try {
        value = option.parseArg!(text, undefined);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidArgumentError);
        expect((error as Error).message).toMatch(/^(Expected|Allowed choices are) .+\.$/);
        continue;
      }
      expect([text, isSound(value, option)]).toEqual([text, true]);
    }
  },
);
