import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';

import { requireFrom, resolveInstalled, threadLimits } from '@scmoe/native/signatures';

/** States of the one shared number: an answer is awaited, is there, or will never be, for the thread has ended. */
const awaited = 0;
const answered = 1;
const ended = 2;

/** The library answers by promises only, so it runs in a thread of its own and the caller waits for that thread. */
const program = `
const { workerData: { path, port, state } } = require('node:worker_threads');
const { Tokenizer } = require(path);
const tokenizers = new Map();
let created = 0;
const methods = {
  create(json) {
    const tokenizer = Tokenizer.fromString(json);
    tokenizers.set(++created, tokenizer);
    let maxId = -1;
    for (const id of Object.values(tokenizer.getVocab(true))) if (id > maxId) maxId = id;
    return { handle: created, maxId };
  },
  idOf: (handle, token) => tokenizers.get(handle).tokenToId(token) ?? undefined,
  async encode(handle, text, addSpecialTokens) {
    return Uint32Array.from((await tokenizers.get(handle).encode(text, null, { addSpecialTokens })).getIds());
  },
  decode: (handle, ids) => tokenizers.get(handle).decode(ids, true),
  free: (handle) => void tokenizers.delete(handle),
};
const say = (value) => {
  Atomics.store(state, 0, value);
  Atomics.notify(state, 0);
};
process.on('exit', () => say(${ended}));
port.on('message', async ({ method, args, silent }) => {
  let answer;
  try {
    answer = { value: await methods[method](...args) };
  } catch (error) {
    answer = { error: error.message };
  }
  if (silent) return;
  port.postMessage(answer);
  say(${answered});
});
`;

type Answer = { value: unknown } | { error: string };

/** The native `tokenizers`, each tokenizer under a number. One thread serves the whole process, which may end meanwhile. */
export class NativeTokenizers {
  private static shared: NativeTokenizers | string | undefined;
  private readonly port: MessagePort;
  private readonly state = new Int32Array(new SharedArrayBuffer(4));

  /** The library, or the reason why there is none: it is not installed, or not for this platform. */
  static open(): NativeTokenizers | string {
    return (this.shared ??= this.tryToOpen());
  }

  private static tryToOpen(): NativeTokenizers | string {
    try {
      const [path] = resolveInstalled('tokenizers', (import.meta as { url?: string }).url);
      if (path === undefined) return 'tokenizers is not installed';
      // Here first, for a thread that fails while it starts says nothing.
      requireFrom(path)(path);
      return new NativeTokenizers(path);
    } catch (error) {
      return (error as Error).message.split('\n')[0]!;
    }
  }

  private constructor(path: string) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    const workerData = { path, port: port2, state: this.state };
    const worker = new Worker(program, {
      eval: true,
      execArgv: [],
      workerData,
      transferList: [port2],
      resourceLimits: threadLimits,
    });
    // A thread that ends tells it to the call that waits.
    worker.on('error', () => undefined);
    worker.unref();
    port1.unref();
  }

  create(json: string): { handle: number; maxId: number } {
    return this.call('create', json) as { handle: number; maxId: number };
  }

  idOf(handle: number, token: string): number | undefined {
    return this.call('idOf', handle, token) as number | undefined;
  }

  encode(handle: number, text: string, addSpecialTokens: boolean): Uint32Array {
    return this.call('encode', handle, text, addSpecialTokens) as Uint32Array;
  }

  decode(handle: number, ids: readonly number[]): string {
    return this.call('decode', handle, ids) as string;
  }

  free(handle: number): void {
    this.port.postMessage({ method: 'free', args: [handle], silent: true });
  }

  private call(method: string, ...args: unknown[]): unknown {
    // A thread that has ended stays so, and the wait is over at once.
    Atomics.compareExchange(this.state, 0, answered, awaited);
    this.port.postMessage({ method, args });
    // In a loop, for the word that the call before was answered may come late and wake this one.
    while (Atomics.load(this.state, 0) === awaited) Atomics.wait(this.state, 0, awaited);
    const received: { message: unknown } | undefined = receiveMessageOnPort(this.port);
    if (received === undefined) throw new Error(`The thread of the tokenizer has ended: ${method} was not done.`);
    const answer = received.message as Answer;
    if ('error' in answer) throw new Error(answer.error);
    return answer.value;
  }
}
