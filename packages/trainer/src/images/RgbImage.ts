/** A picture: red, green and blue of each pixel in [0, 255], row by row. */
export interface RgbImage {
  width: number;
  height: number;
  /** (height, width, 3) */
  data: Uint8Array;
}

/** Height and width in pixels. */
export interface ImageSize {
  height: number;
  width: number;
}
