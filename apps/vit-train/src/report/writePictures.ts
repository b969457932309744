import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { nameText } from '@scmoe/errors';
import type { ClassMeasures } from '@scmoe/models';
import { heatMap } from '@scmoe/run';
import { makeFolder } from '@scmoe/trainer';

/** More classes than this are too many for a picture that somebody could read. */
const mostClasses = 200;

/** Writes what classes are taken for, and which experts take them, as pictures. @returns their paths */
export async function writePictures(
  folder: string,
  { confusion, experts }: ClassMeasures,
  classNames: readonly string[],
): Promise<string[]> {
  if (classNames.length > mostClasses) return [];
  // A line end or a space at the end would not be seen.
  const names = classNames.map(nameText);
  const pictures = {
    'confusion.svg': heatMap(confusion, {
      title: 'What pictures are taken for, % of those of a class',
      axes: { rows: 'is', columns: 'taken for' },
      rows: names,
      columns: names,
    }),
    ...Object.fromEntries(
      experts.map((shares, layer) => [
        `experts-${layer}.svg`,
        heatMap(shares, {
          title: `Which experts take the patches of a class, layer ${layer}, %`,
          axes: { rows: 'class', columns: 'expert' },
          rows: names,
          columns: (shares[0] ?? []).map((_, expert) => `e${expert}`),
        }),
      ]),
    ),
  };
  await makeFolder(folder);
  for (const [name, content] of Object.entries(pictures)) await writeFile(join(folder, name), content);
  return Object.keys(pictures).map((name) => join(folder, name));
}
