import { heatMap } from './heatMap.js';

it('a heat map has a cell for each value, darker for a greater one, and the names of rows and columns', () => {
  const options = {
    title: 'a < b',
    axes: { rows: 'is', columns: 'taken for' },
    rows: ['cat', 'dog'],
    columns: ['x', 'y', 'z'],
  };
  const picture = heatMap(
    [
      [0.25, 0.75, 0],
      [0, 0, 1],
    ],
    options,
  );
  expect([...picture.matchAll(/fill-opacity="([\d.]+)"/g)].map(([, opacity]) => Number(opacity))).toEqual([
    0.25, 0.75, 0, 0, 0, 1,
  ]);
  for (const words of ['>cat<', '>dog<', '>y<', '>a &lt; b<', '>25<', '>75<', '>100<'])
    expect(picture).toContain(words);
  expect(picture).not.toContain('>0<');
});
