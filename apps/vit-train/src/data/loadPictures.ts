import type { Communicator } from '@scmoe/comm';
import { ArgumentError, UserError } from '@scmoe/errors';
import { count, megabytes, oncePerHost, type RunData, showCount, type Terminal } from '@scmoe/run';
import { RandomStream } from '@scmoe/tensor';
import type { JsonObject } from '@scmoe/trainer';
import {
  defaultPreprocessing,
  holdOut,
  type ImageSet,
  type ImageSplit,
  openImages,
  type PreprocessSettings,
  readPreprocessor,
  shapesImages,
} from '@scmoe/trainer/images';

import type { DataSettings } from '../options/dataOptions.js';

/** What checkpoints keep of the data: the names of the classes, and how levels become numbers. */
export interface DataDescription {
  classNames: readonly string[];
  normalization: Pick<PreprocessSettings, 'rescaleFactor' | 'normalize'>;
}

/** Pictures with classes, to train on and to validate with. */
export interface PictureData extends RunData {
  train: ImageSplit;
  validation: ImageSplit;
  described: DataDescription;
  set: ImageSet;
  /** Has something freed, before the files are closed. */
  onClose(free: () => Promise<void>): void;
}

/** Where the pictures are, and what becomes of them. */
export type PictureSettings = DataSettings & {
  imageSize: number;
  seed: number;
  init?: string;
  augment?: 'small' | 'photo' | 'none';
};

/**
 * Opens pictures, all of one size: those of `--data`, decoded once into a file that is found again, or the drawn shapes.
 * Of several ranks, of `world`, one on each host decodes.
 *
 * @param earlier of a run that goes on: what its checkpoint has of the data
 *
 * @throws UserError when there are no usable pictures.
 */
export async function loadPictures(
  settings: PictureSettings,
  terminal: Terminal,
  { earlier, world }: { earlier?: DataDescription; world?: Communicator } = {},
): Promise<PictureData> {
  const { data, imageSize, seed, validationFraction, init } = settings;
  const wanted = init === undefined || earlier ? undefined : await readPreprocessor(init);
  const normalization = earlier?.normalization ?? normalizationOf(wanted ?? defaultPreprocessing);
  const set =
    data === undefined ? drawnShapes(imageSize) : await oncePerHost(world, () => decode(data, settings, terminal));
  const { train, test } = set.test
    ? { train: set.train, test: set.test }
    : holdOut(set.train, { fraction: validationFraction, seed });
  const toFree: (() => Promise<void>)[] = [];
  const described: DataDescription = { classNames: set.classNames, normalization };
  return {
    train,
    validation: shuffled(test),
    described,
    set,
    fingerprint: `${set.fingerprint}${set.test ? '' : `, ${validationFraction} of ${seed}`}`,
    line: lineOf(set, { train, test }, data),
    description: described as unknown as JsonObject,
    onClose: (free) => void toFree.push(free),
    close: async () => {
      await Promise.all(toFree.map((free) => free()));
      set.close();
    },
  };
}

function drawnShapes(imageSize: number): ImageSet {
  try {
    return shapesImages({ seed: 1, size: imageSize });
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new UserError(`--image-size: the drawn shapes: ${error.message}.`, { exitCode: 2, cause: error });
  }
}

/**
 * Classes often take turns, and batches that are spread evenly over such pictures could meet one class alone: by chance they
 * meet them all. The same order every time.
 */
function shuffled(split: ImageSplit): ImageSplit {
  const order = Uint32Array.from({ length: split.count }, (_, i) => i);
  return split.subset(new RandomStream({ seed: 0, stream: 0x0de5 }).shuffle(order));
}

/** The second half of how a checkpoint wants its pictures. */
export function normalizationOf({ rescaleFactor, normalize }: PreprocessSettings): DataDescription['normalization'] {
  return { ...(rescaleFactor !== undefined && { rescaleFactor }), ...(normalize && { normalize }) };
}

/** How any picture gets the size that the model sees. */
export function resizing(side: number): Pick<PreprocessSettings, 'resize' | 'centerCrop' | 'resample'> {
  return { resize: { shortestEdge: side }, centerCrop: { height: side, width: side }, resample: 'bicubic' };
}

async function decode(path: string, settings: PictureSettings, terminal: Terminal): Promise<ImageSet> {
  const {
    dataKind,
    imageSize,
    augment,
    lenient,
    skipBad,
    maxPixels,
    cacheFolder,
    testSplit,
    imageColumn,
    labelColumn,
  } = settings;
  // Crops of any size are cut from somewhat larger pictures, of which validation sees the middle.
  const side = augment === 'photo' ? Math.ceil((imageSize * 8) / 7) : imageSize;
  const progress = showCount(terminal, 'pictures decoded');
  try {
    return await openImages(path, {
      kind: dataKind,
      preprocessing: resizing(side),
      strict: !lenient,
      skipBad,
      maxPixels,
      cacheFolder,
      testSplit,
      imageColumn,
      labelColumn,
      onProgress: ({ done, total }) => progress.update(done, total),
    });
  } finally {
    progress.stop();
  }
}

function lineOf(
  { classNames, counts, size, cache }: ImageSet,
  { train, test }: { train: ImageSplit; test: ImageSplit },
  path: string | undefined,
): string {
  const notes = [
    `${count(train.count)} pictures to train on, ${count(test.count)} to validate, ${classNames.length} classes, ${size.width} x ${size.height} pixels`,
    counts.skipped > 0 && `${count(counts.skipped)} bad ones left out`,
    counts.ignored > 0 && `${count(counts.ignored)} other files ignored`,
    cache && `${cache.built ? 'decoded to' : 'cached in'} ${cache.path} (${megabytes(cache.bytes)})`,
    cache?.replaced,
  ];
  return `${path ?? 'drawn shapes'}: ${notes.filter((note) => note).join('; ')}`;
}
