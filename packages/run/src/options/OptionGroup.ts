import { type Command, Option } from 'commander';

/** Options that belong together, as `--help` shows them. */
export interface OptionGroup {
  /** The heading in `--help`: `Model`. */
  title: string;
  options: readonly Option[];
  /** What a run can't change when it is resumed, for it would be another run: everything, or these names. */
  fixed?: 'all' | readonly string[];
  /** What may differ from rank to rank: paths, for what counts is what lies there. */
  local?: readonly string[];
}

/** One row of a table of options: flags as commander has them, help, and what else there is to say of it. */
export type OptionRow = [flags: string, description: string, configure?: (option: Option) => Option];

/** The options of a table. */
export function optionsOf(rows: readonly OptionRow[]): Option[] {
  return rows.map(([flags, description, configure = (option) => option]) => configure(new Option(flags, description)));
}

/** Gives a command the options of a group. */
export function addOptions(command: Command, { title, options }: OptionGroup): void {
  for (const option of options) command.addOption(option.helpGroup(`${title}:`));
}
