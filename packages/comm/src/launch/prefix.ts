// Bright enough on dark and light backgrounds, and none of them the red of errors.
const colours = [36, 33, 35, 32, 34, 96, 93, 95];

/** `[rank 1] `, in a colour of the rank's own on a terminal. */
export function prefix(rank: number, colour: boolean): string {
  const text = `[rank ${rank}]`;
  return colour ? `\u001b[${colours[rank % colours.length]}m${text}\u001b[0m ` : `${text} `;
}

/** Whether a stream shows colours: a terminal, unless NO_COLOR says otherwise (no-color.org). */
export function showsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env['NO_COLOR'];
}
