import { type OptionGroup, optionsOf, wholeNumber } from '@scmoe/run';

/** What the trained model writes at the end of a run. */
export interface SampleFlags {
  sampleTokens: number;
}

/** The options of `SampleFlags`. */
export function sampleOptions(): OptionGroup {
  return {
    title: 'Report',
    options: optionsOf([
      [
        '--sample-tokens <n>',
        'tokens that the trained model writes at the end; 0: none',
        (o) => o.argParser(wholeNumber(0)).default(400),
      ],
    ]),
  };
}
