import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The options of the command line; ends the program, saying why in a line, where it has others. */
export function readOptions<Options extends NonNullable<ParseArgsConfig['options']>>(
  options: Options,
): ReturnType<typeof parseArgs<{ options: Options }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
