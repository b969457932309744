/**
 * Limits of a thread that runs a small program of ours. V8 sets 128 MB of addresses aside for a thread's code, several times over
 * while it looks for them, and ends the process where it may not have them (`ulimit -v`).
 */
export const threadLimits = { codeRangeSizeMb: 16 } as const;
