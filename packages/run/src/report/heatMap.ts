import { escapeXml } from './escapeXml.js';

/** What `heatMap` draws. */
export interface HeatMapOptions {
  title: string;
  /** What the rows and the columns are, each in a word or two. */
  axes: { rows: string; columns: string };
  rows: readonly string[];
  columns: readonly string[];
}

const cell = 28;
const fontSize = 11;
/** Width of a character of that size, about. */
const characterWidth = 6.5;
const margin = 12;

/**
 * A table of shares from 0 to 1 as a picture, SVG: the greater, the darker, each with its percentage.
 *
 * @param values (rows.length, columns.length)
 */
export function heatMap(
  values: readonly (readonly number[])[],
  { title, axes, rows, columns }: HeatMapOptions,
): string {
  const longest = (names: readonly string[]) => Math.max(...names.map(({ length }) => length)) * characterWidth;
  const corner = `${axes.rows} \\ ${axes.columns}`;
  const left = margin + longest([...rows, corner]) + 8;
  const top = margin + 3 * fontSize + longest(columns) + 8;
  const width = Math.max(left + columns.length * cell, 2 * margin + title.length * characterWidth) + margin;
  const height = top + rows.length * cell + margin;
  const label = (x: number, y: number, words: string, attributes = '') =>
    `<text x="${round(x)}" y="${round(y)}"${attributes}>${escapeXml(words)}</text>`;
  const rightOf = ' text-anchor="end"';
  const parts = [
    label(margin, margin + fontSize, title, ' font-weight="bold"'),
    label(left - 8, top - 8, corner, rightOf),
    ...rows.map((name, i) => label(left - 8, top + (i + 0.5) * cell + 4, name, rightOf)),
    ...columns.map((name, j) => {
      const x = left + (j + 0.5) * cell + 4;
      return label(x, top - 8, name, ` transform="rotate(-90 ${round(x)} ${round(top - 8)})"`);
    }),
    ...values.flatMap((row, i) =>
      row.map((value, j) => {
        const [x, y] = [left + j * cell, top + i * cell];
        const percent = Math.round(100 * value);
        const box = `<rect x="${round(x)}" y="${round(y)}" width="${cell}" height="${cell}" fill="#08306b" fill-opacity="${value.toFixed(3)}" stroke="#dddddd"/>`;
        const colour = ` text-anchor="middle" fill="${value > 0.5 ? '#ffffff' : '#222222'}"`;
        return percent === 0 ? box : box + label(x + cell / 2, y + cell / 2 + 4, String(percent), colour);
      }),
    ),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${round(width)}" height="${round(height)}" font-family="sans-serif" font-size="${fontSize}">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
