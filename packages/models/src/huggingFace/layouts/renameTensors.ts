import type { PretrainedFolder } from '../folder/openFolder.js';
import { tensorsOf, viewFolder, type ViewedTensor } from '../folder/viewFolder.js';
import { PretrainedError } from '../PretrainedError.js';

/**
 * Shows the tensors of a folder under other names: those of the layout that transformers publishes, where a folder has the
 * names of its modules in memory.
 *
 * @throws PretrainedError where two tensors would get one name.
 */
export function renameTensors(folder: PretrainedFolder, rename: (name: string) => string): PretrainedFolder {
  const renamed = new Map<string, ViewedTensor>();
  for (const [name, tensor] of tensorsOf(folder)) {
    const other = rename(name);
    if (renamed.has(other))
      throw new PretrainedError(`${folder.path}: '${other}' is there under two names, one is '${name}'`);
    renamed.set(other, tensor);
  }
  return viewFolder(folder, renamed);
}
