import { UserError } from '@scmoe/errors';

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist',
  EEXIST: 'there is a file in the way',
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would exceed the size limit (ulimit -f, or that of the file system)',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its symbolic links form a circle',
  EIO: 'the device reports an error',
  ESTALE: 'the network file system has lost it',
  ETIMEDOUT: 'the file system does not answer',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB; split it into several files',
};

/**
 * A file system error in one sentence, `doing` first ("read data /a/b"), with the system's own words where there are none
 * here; other errors come back as they are.
 */
export function fileError(doing: string, error: unknown): unknown {
  const { code, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  const reason = code !== undefined && Object.hasOwn(reasons, code) ? `${reasons[code]} (${code}).` : undefined;
  if (reason === undefined && syscall === undefined) return error;
  return new UserError(`Can't ${doing}: ${reason ?? message}`, { cause: error });
}
