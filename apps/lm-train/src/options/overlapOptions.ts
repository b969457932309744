import { type Command, InvalidArgumentError, Option } from 'commander';

import { wholeNumber } from './parsers.js';

/** In which order the operators of a layer run beside its exchanges, and what is written down of it. */
export interface OverlapFlags {
  overlap: 'auto' | 'off' | number;
  chunks: number;
  trace?: string;
  traceSteps: number;
}

export function addOverlapOptions(command: Command): Command {
  const options = [
    new Option(
      '--overlap <slot>',
      "how tokens travel while the backbone works: 'auto' measures and chooses, 'off', or how many backbone operators come before the experts",
    )
      .argParser(overlap)
      .default('auto'),
    new Option('--chunks <n>', 'exchanges in which the tokens travel, each way').argParser(wholeNumber(1)).default(1),
    new Option('--trace <file>', 'write what every rank did when, for scmoe timeline, Perfetto or chrome://tracing'),
    new Option('--trace-steps <n>', 'steps in the trace, the last ones').argParser(wholeNumber(1)).default(2),
  ];
  for (const option of options) command.addOption(option.helpGroup('Several ranks (see scmoe launch):'));
  return command;
}

function overlap(text: string): OverlapFlags['overlap'] {
  if (text === 'auto' || text === 'off') return text;
  const slot = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(slot) && slot >= 0) return slot;
  throw new InvalidArgumentError("Expected 'auto', 'off' or a whole number of at least 0.");
}
