import type { ElementRange, MappedNumbers, ReadMemory, SafetensorsDtype, StoredTensor } from '@scmoe/tensor';

import type { FolderTensor, PretrainedFolder } from './openFolder.js';

/** A tensor as a view shows it: its type and shape, and how it is read. */
export interface ViewedTensor {
  dtype: SafetensorsDtype;
  shape: readonly number[];
  /** What of it is made anew whenever a part is read; absent where it lies in the file as it is read. */
  made?: FolderTensor['made'];
  read(elements?: ElementRange, memory?: ReadMemory): Promise<StoredTensor>;
  /** The same elements as they lie in a mapped file; absent where none do. */
  map?(elements?: ElementRange): MappedNumbers | undefined;
}

/** The same folder with other tensors: under other names, in other pieces. It shares the files of the one that it shows. */
export function viewFolder(folder: PretrainedFolder, tensors: ReadonlyMap<string, ViewedTensor>): PretrainedFolder {
  return {
    ...folder,
    tensors,
    read: (name, elements, memory) => tensors.get(name)?.read(elements, memory) ?? folder.read(name, elements, memory),
    map: (name, elements) => {
      const tensor = tensors.get(name);
      return tensor ? tensor.map?.(elements) : folder.map(name, elements);
    },
  };
}

/** All tensors of a folder, as a view begins. */
export function tensorsOf(folder: PretrainedFolder): Map<string, ViewedTensor> {
  const viewed = [...folder.tensors].map(([name, tensor]): [string, ViewedTensor] => [
    name,
    {
      ...tensor,
      read: (elements, memory) => folder.read(name, elements, memory),
      map: (elements) => folder.map(name, elements),
    },
  ]);
  return new Map(viewed);
}
