/** A text as nanoGPT reads it: its vocabulary is every character of the text, sorted; the last tenth is for validation. */
export function characters(text: string): { train: Int32Array; validation: Int32Array; vocabSize: number } {
  const vocabulary = [...new Set(text)].sort();
  const index = new Map(vocabulary.map((character, i) => [character, i]));
  const ids = Int32Array.from(text, (character) => index.get(character)!);
  const boundary = Math.floor(ids.length * 0.9);
  return { train: ids.subarray(0, boundary), validation: ids.subarray(boundary), vocabSize: vocabulary.length };
}
