import { Readable } from 'node:stream';

import { UserError } from '@scmoe/errors';

import { chooseSplits, splitWord } from './chooseSplits.js';
import type { BadRecord, ImageSource, SourceOptions, SplitName } from './ImageSource.js';
import { describeFiles, listFiles, listFolder } from './listFiles.js';

const isPicture = (path: string) => /\.(jpe?g|jfif|png|webp)$/i.test(path);

interface ClassFolder {
  name: string;
  path: string;
  pictures: string[];
}

/**
 * A folder for each class with JPEG, PNG or WebP files in it, at any depth; the class folders may be links. Above them there
 * may be folders train and val or test. Classes are numbered in the order of their names. Other files are ignored.
 *
 * @throws UserError for a folder without classes, a class without pictures, and a class that only the test split has.
 */
export async function folderSource(path: string, { skipBad, testSplit }: SourceOptions): Promise<ImageSource> {
  const splits = await splitFolders(path, testSplit);
  let numIgnored = 0;
  const bad: BadRecord[] = [];
  const found = new Map<SplitName, ClassFolder[]>();
  for (const [split, folder] of splits) {
    const classes: ClassFolder[] = [];
    for (const entry of await listFolder(folder)) {
      if (!entry.isFolder) {
        numIgnored++;
        if (isPicture(entry.path))
          bad.push({ name: entry.path, problem: 'it lies outside of the folders of the classes' });
        continue;
      }
      const files = await listFiles(entry.path);
      const pictures = files.filter(isPicture);
      numIgnored += files.length - pictures.length;
      if (pictures.length > 0) classes.push({ name: entry.name, path: entry.path, pictures });
      else bad.push({ name: entry.path, problem: 'the class has no pictures: expected .jpg, .png or .webp files' });
    }
    found.set(split, classes);
  }

  const training = found.get('train')!;
  if (training.length === 0 && bad.length === 0)
    throw new UserError(`${splits.get('train')} has no classes: expected a folder for each class with pictures in it.`);
  const classNames = training.map(({ name }) => name);
  for (const { name, path: folder } of found.get('test') ?? []) {
    if (!classNames.includes(name)) bad.push({ name: folder, problem: 'the class has no pictures to train on' });
  }
  if (!skipBad && bad.length > 0) throw new UserError(`${bad[0]!.name}: ${bad[0]!.problem}.`);

  const pictures = [...found].flatMap(([split, classes]) =>
    classes.flatMap((each) => {
      const label = classNames.indexOf(each.name);
      return label < 0
        ? []
        : each.pictures.map((picture) => ({ name: picture, split, label, picture: { path: picture } }));
    }),
  );
  return {
    files: await describeFiles(pictures.map(({ name }) => name)),
    classNames,
    count: pictures.length,
    numIgnored,
    records: () => Readable.from([...bad, ...pictures]),
  };
}

/** The folder that holds the class folders of each split. */
async function splitFolders(path: string, testSplit?: string): Promise<Map<SplitName, string>> {
  const folders = (await listFolder(path)).filter(({ isFolder }) => isFolder);
  // A class may be called "test" as well: folders are splits only where one of them is for training.
  const wordOf = (name: string) => (splitWord(name) === name.toLowerCase() ? splitWord(name) : undefined);
  const words = folders.map(({ name }) => wordOf(name));
  if (!words.some((word) => word === 'train' || word === 'training')) {
    if (testSplit !== undefined)
      throw new UserError(`${path}: expected the folders train and ${testSplit}, got no folder train.`);
    return new Map([['train', path]]);
  }
  const splitOf = chooseSplits(path, words, testSplit);
  const chosen = folders.flatMap(({ path: folder }, i): [SplitName, string][] => {
    const split = splitOf(words[i]);
    return split === undefined ? [] : [[split, folder]];
  });
  return new Map(chosen.sort(([a], [b]) => (a === b ? 0 : a === 'train' ? -1 : 1)));
}
