import type { ExpertSettings } from '../options/expertOptions.js';

/** The experts of a model, as what comes behind its sizes: `, 8 experts (pos2, cg1)`; nothing for a dense model. */
export function expertsInWords({ kind, placement, numExperts, position, mix }: ExpertSettings): string {
  if (kind === 'dense') return '';
  const tapped = position ?? (placement === 'every' ? 'pos1' : 'pos2');
  const how = { scmoe: ` (${tapped}, ${mix})`, dgmoe: ` (${tapped})`, shared: ` (${mix})` }[kind as string] ?? '';
  return `, ${numExperts} experts${placement === 'every' ? ' in every block' : ''}${how}`;
}
