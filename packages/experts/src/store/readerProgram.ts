/** Words of the shared queue: what was taken of it, what was put into it, whether threads have to end. */
export const queueWords = { taken: 0, put: 1, isClosed: 2, first: 4 } as const;
/** Words of a job: slot, position in pages (two words), whether there is a checksum, and the checksum. */
export const jobWords = 5;
/** What becomes of a slot. */
export const slotStates = { idle: 0, reading: 1, ready: 2, failed: 3 } as const;
/** Bytes of a message about a slot: its length first. */
export const messageBytes = 512;

/**
 * The program of a thread that reads experts. It sleeps on the shared queue, not in the event loop, and reports in shared
 * memory: the thread that computes is busy, and can wait for a word but not for a message. As text, since it has to run from
 * source, from a build and from a bundle alike.
 */
export const readerProgram = `
const { readSync } = require('node:fs');
const { crc32 } = require('node:zlib');
const { workerData } = require('node:worker_threads');
const { fd, path, memories, slotsPerMemory, stride, pageBytes, queue, states, times, messages, pace, nsPerByte } = workerData;
const words = new Int32Array(queue);
const stateOf = new Int32Array(states);
const nsOf = new BigInt64Array(times);
const nextFree = new BigInt64Array(pace);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const capacity = (words.length - ${queueWords.first}) / ${jobWords};

function nextJob() {
  for (;;) {
    const taken = Atomics.load(words, ${queueWords.taken});
    const put = Atomics.load(words, ${queueWords.put});
    if (Atomics.load(words, ${queueWords.isClosed})) return undefined;
    if (taken === put) {
      Atomics.wait(words, ${queueWords.put}, put);
      continue;
    }
    const at = ${queueWords.first} + ((taken >>> 0) % capacity) * ${jobWords};
    const [slot, low, high, isChecked, sum] = words.subarray(at, at + ${jobWords});
    // Another thread may have been faster; what was read of the job is of no use then.
    if (Atomics.compareExchange(words, ${queueWords.taken}, taken, (taken + 1) | 0) !== taken) continue;
    return { slot, position: ((high >>> 0) * 2 ** 32 + (low >>> 0)) * pageBytes, isChecked, sum: sum >>> 0 };
  }
}

// All threads share one pace: each read takes the time that its bytes have at the given rate, after the one before it.
function reserve(bytes) {
  const takes = BigInt(Math.round(bytes * nsPerByte));
  for (;;) {
    const free = Atomics.load(nextFree, 0);
    const now = process.hrtime.bigint();
    const end = (free > now ? free : now) + takes;
    if (Atomics.compareExchange(nextFree, 0, free, end) === free) return end;
  }
}

function sleepUntil(end) {
  for (;;) {
    const left = Number(end - process.hrtime.bigint()) / 1e6;
    if (left <= 0) return;
    if (left > 0.2) Atomics.wait(sleeper, 0, 0, left - 0.1);
  }
}

function read({ slot, position, isChecked, sum }) {
  const memory = memories[Math.floor(slot / slotsPerMemory)];
  const target = new Uint8Array(memory, (slot % slotsPerMemory) * stride, stride);
  const end = nsPerByte > 0 ? reserve(stride) : undefined;
  for (let done = 0; done < stride;) {
    const count = readSync(fd, target, done, stride - done, position + done);
    if (count === 0) throw new Error('the file ends at byte ' + (position + done) + ', it was cut short');
    done += count;
  }
  if (isChecked && crc32(target) !== sum)
    throw new Error('the bytes from ' + position + ' on have the CRC-32 ' + crc32(target) + ', expected ' + sum + ': it is damaged');
  if (end !== undefined) sleepUntil(end);
}

function report(slot, error) {
  const text = Buffer.from(String(error && error.message || error)).subarray(0, ${messageBytes} - 4);
  new Int32Array(messages, slot * ${messageBytes}, 1)[0] = text.length;
  new Uint8Array(messages, slot * ${messageBytes} + 4, text.length).set(text);
}

for (let job = nextJob(); job !== undefined; job = nextJob()) {
  const start = process.hrtime.bigint();
  let state = ${slotStates.ready};
  try {
    read(job);
  } catch (error) {
    report(job.slot, error);
    state = ${slotStates.failed};
  }
  Atomics.store(nsOf, job.slot, process.hrtime.bigint() - start);
  Atomics.store(stateOf, job.slot, state);
  Atomics.notify(stateOf, job.slot);
}
`;
