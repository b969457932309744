/** Philox streams of a seed that images draw from; see the trainer's other ones. */
export const imageOrderStream = 0x13a0;
export const augmentStream = 0x13a1;
export const mixStream = 0x13a2;
export const imageSplitStream = 0x13a3;
export const shapesStream = 0x13a4;
