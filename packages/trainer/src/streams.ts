/** Philox streams of the run's seed that the trainer draws from; models draw their initial values from others. */
export const dataStream = 0xda7a;
export const dropoutStream = 0xd209;
export const madSampleStream = 0x3ad5;
export const madOrderStream = 0x3ad0;
export const madMapStream = 0x3ad3;
