import { plainText } from '@scmoe/errors';

import type { ExpertReport } from './ExpertReport.js';

/** A report in words, a line for each layer. */
export function reportLines({ model, text, tokens, layers }: ExpertReport): string[] {
  return [
    `model: ${plainText(model)}`,
    `text: ${tokens} tokens of ${plainText(text)}`,
    ...layers.map(({ layer, experts, worstLoad, dropped, scoreEntropy }) => {
      const dead = experts.filter(({ isDead }) => isDead).map(({ id }) => id);
      return (
        `  ${layer}: fullest expert ${worstLoad.toFixed(2)} times an even load, ` +
        `${dead.length === 0 ? 'none dead' : `dead ${dead.join(' ')}`}, ` +
        `${(100 * dropped).toFixed(1)} % of choices dropped, entropy of scores ${scoreEntropy.toFixed(2)}`
      );
    }),
  ];
}
