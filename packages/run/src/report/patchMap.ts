import { escapeXml } from './escapeXml.js';

/** What is laid over one patch of a picture. */
export interface PatchCover {
  /** A colour of CSS. */
  colour: string;
  /** How much of the colour is seen, from 0, nothing, to 1. */
  opacity: number;
  /** Text in the middle of the patch. */
  words?: string;
}

/** What `patchMap` draws. */
export interface PatchMapOptions {
  title: string;
  /** What the covers mean, in one line below. */
  caption: string;
  /** The square picture itself, as a PNG. */
  png: Uint8Array;
}

const side = 384;
const margin = 12;
const titleHeight = 28;
const fontSize = 13;

/**
 * A picture, and beside it the same under covers, one for each of its patches, as SVG.
 *
 * @param covers of the patches row by row; as many rows as columns
 */
export function patchMap(covers: readonly PatchCover[], { title, caption, png }: PatchMapOptions): string {
  const perRow = Math.sqrt(covers.length);
  const patch = side / perRow;
  const [left, right, top] = [margin, 2 * margin + side, margin + titleHeight];
  const [width, height] = [3 * margin + 2 * side, top + side + margin + titleHeight];
  const picture = (x: number) =>
    `<image x="${x}" y="${top}" width="${side}" height="${side}" style="image-rendering:pixelated" href="data:image/png;base64,${Buffer.from(png).toString('base64')}"/>`;
  const patches = covers.map(({ colour, opacity, words }, i) => {
    const [x, y] = [right + (i % perRow) * patch, top + Math.floor(i / perRow) * patch];
    const size = `width="${patch.toFixed(1)}" height="${patch.toFixed(1)}"`;
    const box = `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${size} fill="${colour}" fill-opacity="${opacity.toFixed(3)}"/>`;
    if (words === undefined) return box;
    const middle = `x="${(x + patch / 2).toFixed(1)}" y="${(y + patch / 2).toFixed(1)}" font-size="${(patch / 2.8).toFixed(1)}"`;
    // A rim of white keeps the words legible on dark patches.
    const rim = 'paint-order="stroke" stroke="#ffffff" stroke-opacity="0.8" stroke-width="2.5"';
    return `${box}<text ${middle} text-anchor="middle" dominant-baseline="central" ${rim}>${escapeXml(words)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="${fontSize}">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${left}" y="${margin + fontSize}" font-weight="bold">${escapeXml(title)}</text>`,
    picture(left),
    picture(right),
    ...patches,
    `<text x="${left}" y="${top + side + margin + fontSize}">${escapeXml(caption)}</text>`,
    '</svg>',
    '',
  ].join('\n');
}
