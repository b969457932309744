import type { Communicator } from '@scmoe/comm';

/** The texts of all ranks, by rank, on every rank. A collective: all ranks call it. */
export async function gatherText(communicator: Communicator, text: string): Promise<string[]> {
  if (communicator.size === 1) return [text];
  const own = Int32Array.from(new TextEncoder().encode(text));
  const lengths = Array.from(await communicator.allGather(Int32Array.of(own.length)).done);
  const all = await communicator.allGatherV(own, { recvCounts: lengths }).done;
  let begin = 0;
  return lengths.map((length) => new TextDecoder().decode(Uint8Array.from(all.subarray(begin, (begin += length)))));
}
