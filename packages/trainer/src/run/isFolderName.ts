/** Whether a text can begin the name of a folder on every system, and names one here and not elsewhere. */
export function isFolderName(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- that is what no name may have
  return /^[^./\\:*?"<>|\u0000-\u001f\u007f-\u009f][^/\\:*?"<>|\u0000-\u001f\u007f-\u009f]{0,99}$/u.test(text);
}
