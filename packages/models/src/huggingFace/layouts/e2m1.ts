/**
 * The numbers of 4-bit floats with 2 exponent bits and a mantissa bit (E2M1), by their code: the elements of MXFP4 (Open Compute
 * Project, Microscaling Formats 1.0, section 5.3.3).
 */
export const e2m1 = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);
