/** What a store accepts. Everything a stranger or a faulty rank can make the server hold is bounded by one of these. */
export interface StoreLimits {
  /** Bytes of one value. Default 1 MiB. */
  maxValueBytes: number;
  /** Keys of one token. Default 65536. */
  maxKeys: number;
  /** Bytes of all keys and values of one token. Default 256 MiB. */
  maxTotalBytes: number;
  /** Connections that gave the right token. Default 8192. */
  maxConnections: number;
  /** Connections that have not given a token yet; one more drops the oldest of them. Default 256. */
  maxPendingConnections: number;
  /** Time in which a connection has to give its token, in milliseconds. Default 10 s. */
  handshakeMs: number;
  /** A watched rank that sends nothing for so long is dead, in milliseconds. Default 10 s, for one on this machine 60 s. */
  silenceMs?: number;
}

export const defaultLimits: StoreLimits = {
  maxValueBytes: 2 ** 20,
  maxKeys: 65_536,
  maxTotalBytes: 256 * 2 ** 20,
  maxConnections: 8192,
  maxPendingConnections: 256,
  handshakeMs: 10_000,
};

/** Bytes of the line that opens a connection. */
export const maxFirstLineBytes = 1024;
/** Bytes of a line on a watch connection: whoever writes longer texts cuts them. */
export const maxWatchLineBytes = 4096;
/** Bytes of a key in UTF-8. */
export const maxKeyBytes = 1024;
/** Calls of `get` that one connection may have waiting. */
export const maxWaitingGets = 4096;
