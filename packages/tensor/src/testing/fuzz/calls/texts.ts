import { kernelCall, type Generator } from '../Call.js';

export const textCalls: Generator[] = [
  {
    kernel: 'StaticRegexReplace',
    draw: (draw) =>
      kernelCall(
        'StaticRegexReplace',
        { x: draw.strings(draw.shape(draw.int(0, 3))) },
        { pattern: draw.pick(['a', ' +', '']), rewrite: draw.pick(['', 'bb']), replaceGlobal: draw.chance(0.5) },
      ),
  },
  {
    kernel: 'StringNGrams',
    draw: (draw) => {
      const splits = [0];
      for (let rows = draw.int(1, 3); rows > 0; rows--) splits.push(splits.at(-1)! + draw.int(0, 3));
      return kernelCall(
        'StringNGrams',
        {
          data: draw.strings([splits.at(-1)!]),
          dataSplits: { shape: [splits.length], dtype: 'int32', values: splits },
        },
        {
          separator: '|',
          nGramWidths: [draw.int(1, 3)],
          leftPad: 'l',
          rightPad: 'r',
          padWidth: draw.int(0, 2),
          preserveShortSequences: draw.chance(0.5),
        },
      );
    },
  },
  {
    kernel: 'StringSplit',
    draw: (draw) =>
      kernelCall(
        'StringSplit',
        {
          input: draw.strings([draw.size()]),
          delimiter: { shape: [], dtype: 'string', values: [draw.pick(['', ' ', 'a'])] },
        },
        { skipEmpty: draw.chance(0.5) },
      ),
  },
  {
    kernel: 'StringToHashBucketFast',
    draw: (draw) =>
      kernelCall(
        'StringToHashBucketFast',
        { input: draw.strings(draw.shape(draw.int(0, 3))) },
        { numBuckets: draw.int(1, 99) },
      ),
  },
];
