/** Philox streams of the run's seed that the trainer draws from; models draw their initial values from others. */
export const dataStream = 0xda7a;
export const dropoutStream = 0xd209;
