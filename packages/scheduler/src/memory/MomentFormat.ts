/** The format in which an optimizer keeps its moments. */
export type MomentFormat = 'float32' | 'bfloat16';
