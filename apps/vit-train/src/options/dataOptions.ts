import { absolutePath, type OptionGroup, optionsOf, realNumber, wholeNumber } from '@scmoe/run';
import type { ImageKind } from '@scmoe/trainer/images';

/** Which pictures are trained on. */
export interface DataSettings {
  data?: string;
  dataKind?: ImageKind;
  testSplit?: string;
  imageColumn?: string;
  labelColumn?: string;
  validationFraction: number;
  skipBad: boolean;
  lenient: boolean;
  maxPixels?: number;
  cacheFolder?: string;
}

/** The options of `DataSettings`. */
export function dataOptions(): OptionGroup {
  const options = optionsOf([
    [
      '--data <path>',
      'folder with a folder of pictures for each class, binary files of CIFAR, files of the MNIST family, Parquet or WebDataset shards (default: eight drawn shapes)',
      (o) => o.argParser(absolutePath),
    ],
    [
      '--data-kind <kind>',
      'the form of --data, where it can not be told',
      (o) => o.choices(['folders', 'cifar', 'idx', 'parquet', 'webdataset']),
    ],
    ['--test-split <name>', 'name of the part to validate on (default: test, val or validation, where there is one)'],
    ['--image-column <name>', 'column of the pictures in Parquet files, where there are several'],
    ['--label-column <name>', 'column of the classes in Parquet files, where there are several'],
    [
      '--validation-fraction <x>',
      'share of the pictures that is kept for validation where there is no such part',
      (o) => o.argParser(realNumber(0, { exclusive: true, maximum: 0.9 })).default(0.1),
    ],
    ['--skip-bad', 'leave out pictures that can not be read, and count them', (o) => o.default(false)],
    ['--lenient', 'take pictures that their decoder warns of', (o) => o.default(false)],
    ['--max-pixels <n>', 'refuse larger pictures (default: 89,478,485)', (o) => o.argParser(wholeNumber(1))],
    [
      '--cache-folder <folder>',
      "where decoded pictures are kept (default: scmoe/images in the user's cache folder)",
      (o) => o.argParser(absolutePath),
    ],
  ]);
  return { title: 'Data', options, fixed: ['validationFraction'], local: ['data', 'cacheFolder'] };
}
