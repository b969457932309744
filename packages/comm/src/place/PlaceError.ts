/** Environment variables that contradict each other or are malformed. */
export class PlaceError extends Error {
  override readonly name: string = 'PlaceError';
}
