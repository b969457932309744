import type { OptionSpec, OptionSpecs } from '@scmoe/gating';
import { moeOptions } from '@scmoe/models';
import { Command } from 'commander';

import { expertOptions, type ExpertSettings, moeConfig, tableConfig, tableOptions } from '../index.js';

const specs = {
  width: { type: 'integer', minimum: 1, required: true, help: 'width of it' },
  hiddenWidth: { type: 'integer', minimum: 1, derived: '4 allWidths', help: 'hidden width' },
  rate: { type: 'number', minimum: 0, below: 1, default: 0.5, flag: 'drop', help: 'rate' },
  bias: { type: 'choice', choices: [true, false, 'half'], default: true, help: 'bias' },
  noisy: { type: 'boolean', default: false, help: 'noise' },
  scaled: { type: 'boolean', default: true, help: 'scale' },
  ffnBias: { type: 'boolean', derived: 'not with swiglu', help: 'biases' },
  secret: { type: 'boolean', default: false, flag: false, help: 'for code alone' },
  rows: { type: 'integers', minimum: 0, optional: true, help: 'rows' },
} as const satisfies OptionSpecs;

function commandOf(options: readonly ReturnType<typeof tableOptions>[number][]): Command {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  for (const option of options) command.addOption(option);
  return command;
}

const parse = (args: string[], defaults = { width: 8 }) =>
  tableConfig(specs, commandOf(tableOptions(specs, defaults)).parse(args, { from: 'user' }).opts());

describe('options of a table', () => {
  it('have the defaults of the program, then those of the table, and none that other options decide', () => {
    expect(parse([])).toEqual({ width: 8, rate: 0.5, bias: true, noisy: false, scaled: true });
  });

  it('are parsed to the types of the table, under its names', () => {
    const args = '--width 3 --hidden-width 5 --drop 0 --bias half --noisy --no-scaled --no-ffn-bias'.split(' ');
    const given = { width: 3, hiddenWidth: 5, rate: 0, bias: 'half', noisy: true, scaled: false, ffnBias: false };
    expect(parse(args)).toEqual(given);
    expect(parse(['--bias', 'false', '--ffn-bias'])).toMatchObject({ bias: false, ffnBias: true });
  });

  it.each([
    [['--width', '0'], /Expected a positive integer/],
    [['--width', ''], /Expected a positive integer/],
    [['--drop', '1'], /Expected a number in \[0, 1\)/],
    [['--bias', 'whole'], /Allowed choices are true, false, half/],
    [['--secret'], /unknown option/],
    [['--rows', '1'], /unknown option/],
  ])('refuse %j', (args, message) => {
    expect(() => parse(args)).toThrow(message);
  });

  it('say in their help what decides a default, with flags for names', () => {
    const help = commandOf(tableOptions(specs)).helpInformation().replace(/\s+/g, ' ');
    expect(help).toContain('--hidden-width <n> hidden width (default: 4 --all-widths)');
    expect(help).toContain('--bias <name> bias (choices: "true", "false", "half", default: true)');
  });
});

/** A value that an option has not by itself. */
function otherValue(spec: OptionSpec): string | undefined {
  if (spec.type === 'choice') return String(spec.choices.find((choice) => choice !== spec.default));
  if (spec.type === 'boolean') return undefined;
  return spec.type === 'integer' ? '3' : '0.25';
}

it('every option of experts and routers that has a flag reaches the model', () => {
  for (const [name, spec] of Object.entries<OptionSpec>(moeOptions)) {
    if (spec.flag === false) continue;
    const flag = spec.flag ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const value = otherValue(spec);
    const on = spec.type === 'boolean' && spec.default === true ? `--no-${flag}` : `--${flag}`;
    const command = commandOf(expertOptions().flatMap(({ options }) => options));
    command.parse(value === undefined ? [on] : [on, value], { from: 'user' });
    const config = moeConfig(command.opts<ExpertSettings>()) as unknown as Record<string, unknown>;
    expect([name, String(config[name])]).toEqual([name, value ?? String(spec.default !== true)]);
  }
});
