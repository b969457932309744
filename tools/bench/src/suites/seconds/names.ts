/** The contender that the others are compared with. */
export const referenceName = 'dense';
/** Its twin in PyTorch. */
export const torchName = 'dense, PyTorch';
