import { unchunkedName } from '../graph/chunkNames.js';

interface Paint {
  readonly fill: string;
  readonly text: string;
}

const dark = '#1f2933';
const light = '#ffffff';

/** Colours by what an operator does: backbone in blues and greens, experts in violet, exchanges in orange. */
const paints: Readonly<Record<string, Paint>> = {
  attention: { fill: '#4e79a7', text: light },
  mlp: { fill: '#76a5cf', text: dark },
  sharedExpert: { fill: '#59a14f', text: light },
  gate: { fill: '#c9cfd6', text: dark },
  encode: { fill: '#aab4bf', text: dark },
  expert: { fill: '#8e6bb0', text: light },
  decode: { fill: '#aab4bf', text: dark },
  output: { fill: '#c9cfd6', text: dark },
  dispatch: { fill: '#f2a33a', text: dark },
  combine: { fill: '#e07b39', text: dark },
};

const other: Paint = { fill: '#d8d3c8', text: dark };

/** Kinds in the order of the legend. */
export const legendKinds = Object.keys(paints);

export const exposedColour = '#d62839';

/** `attention1`, `expert#0` and, of stage 3's backward pass, `3 expert'` are an attention and two experts. */
export function kindOf(operator: string): string {
  return unchunkedName(withoutLayer(operator).replace(/'$/, '')).replace(/\d+$/, '');
}

/** Traces of whole models have the number of the stage before the name. */
export function withoutLayer(operator: string): string {
  return operator.replace(/^\d+ /, '');
}

/** The colours of an operator, whatever it is called. */
export function paintOf(operator: string): Paint {
  const kind = kindOf(operator);
  return Object.hasOwn(paints, kind) ? paints[kind]! : other;
}
