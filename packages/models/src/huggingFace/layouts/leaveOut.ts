import type { PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder } from '../folder/viewFolder.js';

/**
 * Shows a folder without the tensors of a part that the model here has not, and says in a line how many those are.
 *
 * @param part what they are, for the line
 */
export function leaveOut(folder: PretrainedFolder, isOut: (name: string) => boolean, part: string): PretrainedFolder {
  const tensors = tensorsOf(folder);
  const out = [...tensors.keys()].filter(isOut);
  if (out.length === 0) return folder;
  for (const name of out) tensors.delete(name);
  process.emitWarning(`${folder.path}: ${part} is left out (${out.length} tensors, the first is '${out[0]!}')`);
  return viewFolder(folder, tensors);
}
