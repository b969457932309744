import { type RgbImage, resizeAndCrop } from '@scmoe/trainer/images';
import sharp from 'sharp';

import { resizing } from '../data/loadPictures.js';

/** What is laid over each patch. */
export interface PatchCover {
  /** A colour of CSS. */
  colour: string;
  /** How much of the colour is seen, from 0, nothing, to 1. */
  opacity: number;
  /** Text in the middle of the patch. */
  words?: string;
}

/** Side of the drawn picture, in its own pixels. */
const drawnSide = 448;

/** A picture as the model sees it with a cover over each of its patches, row by row, as SVG. */
export async function drawPatches(
  image: RgbImage,
  covers: readonly PatchCover[],
  { imageSize, title }: { imageSize: number; title: string },
): Promise<string> {
  const { data, width, height } = resizeAndCrop(image, resizing(imageSize));
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  const perRow = Math.sqrt(covers.length);
  const side = drawnSide / perRow;
  const patches = covers.map(({ colour, opacity, words }, i) => {
    const [x, y] = [(i % perRow) * side, Math.floor(i / perRow) * side];
    const at = `x="${x.toFixed(1)}" y="${y.toFixed(1)}"`;
    const box = `<rect ${at} width="${side.toFixed(1)}" height="${side.toFixed(1)}" fill="${colour}" fill-opacity="${opacity.toFixed(3)}"/>`;
    const middle = `x="${(x + side / 2).toFixed(1)}" y="${(y + side / 2).toFixed(1)}"`;
    return words === undefined
      ? box
      : `${box}<text ${middle} text-anchor="middle" dominant-baseline="central" font-size="${(side / 2.5).toFixed(1)}">${words}</text>`;
  });
  const base64 = png.toString('base64');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${drawnSide}" height="${drawnSide}" font-family="sans-serif">`,
    `<title>${title.replace(/&/g, '&amp;').replace(/</g, '&lt;')}</title>`,
    `<image width="${drawnSide}" height="${drawnSide}" style="image-rendering:pixelated" href="data:image/png;base64,${base64}"/>`,
    ...patches,
    '</svg>',
    '',
  ].join('\n');
}
