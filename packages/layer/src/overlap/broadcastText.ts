import type { Communicator } from '@scmoe/comm';

/** The text of rank 0, on every rank. A collective: all ranks call it, each with its own text. */
export async function broadcastText(communicator: Communicator, text: string): Promise<string> {
  if (communicator.size === 1) return text;
  const own = Int32Array.from(new TextEncoder().encode(text));
  const [length] = await communicator.broadcast(Int32Array.of(own.length)).done;
  const data = communicator.rank === 0 ? own : new Int32Array(length!);
  return new TextDecoder().decode(Uint8Array.from(await communicator.broadcast(data).done));
}
