import { type ExpertsElsewhere, optionsOf, wholeNumber } from '@scmoe/run';

/** Where a command takes the experts from, and how much memory they may have. */
export interface ExpertStoreFlags {
  expertStore?: string;
  expertCacheMib: number;
  expertPrefetch: 'known' | 'guess' | 'none';
}

/** Experts that are read from a disk while the model runs, in place of those of its checkpoint. */
export const expertStore: ExpertsElsewhere<ExpertStoreFlags> = {
  options: {
    title: 'Experts on disk',
    options: optionsOf([
      ['--expert-store <folder>', 'read the experts from what `scmoe experts pack` has written of this checkpoint'],
      ['--expert-cache-mib <n>', 'memory for experts', (o) => o.argParser(wholeNumber(1)).default(256)],
      [
        '--expert-prefetch <when>',
        'read experts when their route is known, when it can be guessed as well, or when they are needed',
        (o) => o.choices(['known', 'guess', 'none']).default('known'),
      ],
    ]),
  },
  open: async ({ expertStore: folder, expertCacheMib, expertPrefetch: prefetch }) => {
    if (folder === undefined) return undefined;
    const { openModelExperts } = await import('@scmoe/experts');
    return openModelExperts(folder, { cacheBytes: expertCacheMib * 2 ** 20, prefetch });
  },
};
