import { plainText } from '@scmoe/errors';

import type { ConvertReport } from './convertExperts.js';

/** A report in words, line by line: what experts are made of, and what the model is then. */
export function convertLines({
  from,
  method,
  kind,
  placement,
  numExperts,
  topK,
  expertWidth,
  sharedWidth,
  denseWidth,
  parameters,
  routers,
  losses,
  format,
  saved,
}: ConvertReport): string[] {
  const { dense, converted, active } = parameters;
  const shared = sharedWidth > 0 ? `, beside a shared one of ${sharedWidth}` : '';
  const where = placement === 'pairs' ? 'every second block' : 'every block';
  return [
    `dense model: ${plainText(from)}`,
    `${kind}: ${numExperts} experts of ${expertWidth} of the MLP's ${denseWidth} channels each (${method})${shared}, top-${topK}, in ${where}`,
    `parameters: ${dense} dense, ${converted} with experts, ${active} active per token`,
    ...(routers
      ? [
          'routers, fitted to the experts with most of the channels of a token; divergence in nats of even scores, and of theirs:',
          ...Object.entries(routers).map(
            ([layer, { before, after }]) => `  ${layer}: ${before.toFixed(4)} to ${after.toFixed(4)}`,
          ),
        ]
      : ['routers: drawn by the seed']),
    ...losses.map(
      ({ text, tokens, dense: own, converted: other }) =>
        `held-out loss over ${tokens} tokens of ${plainText(text)}: ${own.toFixed(4)} dense, ${other.toFixed(4)} with experts`,
    ),
    ...(losses.length === 0 ? ['held-out loss: not measured, for there is no text'] : []),
    ...(saved === undefined
      ? ['nothing was written']
      : [
          ...(format === 'run'
            ? ['optimizer: begins anew, at step 0: there are no moments of what there was not']
            : []),
          `saved: ${plainText(saved)}`,
        ]),
  ];
}
