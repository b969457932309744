import { UserError } from '@scmoe/errors';

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist',
  EEXIST: 'there is a file in the way',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would exceed the size limit',
  ERR_FS_FILE_TOO_LARGE: 'it is larger than 2 GiB; split it into several files',
};

/** A file system error in one sentence, `doing` first ("read data /a/b"); other errors come back as they are. */
export function fileError(doing: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const reason = code === undefined ? undefined : reasons[code];
  return reason === undefined ? error : new UserError(`Can't ${doing}: ${reason} (${code}).`, { cause: error });
}

/** Whether an error says that the disk, or this user's share of it, is full. */
export function isDiskFull(error: unknown): boolean {
  for (let e = error as NodeJS.ErrnoException | undefined; e; e = e.cause as typeof e) {
    if (e.code !== undefined && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(e.code)) return true;
  }
  return false;
}
