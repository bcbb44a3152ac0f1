const { lstatSync, mkdirSync, readlinkSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');

/** The limit of macOS for the path of a Unix socket is 103 bytes. */
const MAX_PATH_BYTES = 100;

/** The address that one of the processes listens on. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** Where processes of the same user that want the same port meet: the path of a Unix socket. Or why they cannot. */
export function meetingPlace({ address, port }: Address): { path: string } | { why: string } {
  const uid = process.getuid?.();
  if (uid === undefined) return { why: `it is not supported on ${process.platform}` };

  const folder = meetingFolder(uid);
  const path = join(folder, `${hashOf(`${address} ${port} ${networkNamespace()}`)}.sock`);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return { why: `the path ${path} is too long` };

  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return { why: `${folder} cannot be created` };
  }
  return isOwn(folder, uid) ? { path } : { why: `${folder} must be a folder of this user with mode 0700` };
}

/** The folder of all meeting places of a user. */
export function meetingFolder(uid: number): string {
  return join(process.getBuiltinModule('node:os').tmpdir(), `connmeter-${uid}`);
}

/** Only our own user may use the folder: whoever can write there could send us numbers. */
function isOwn(folder: string, uid: number): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  return stats.isDirectory() && stats.uid === uid && (stats.mode & 0o077) === 0;
}

function hashOf(text: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Containers may share a folder, though each has a network with ports of its own. */
function networkNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/net');
  } catch {
    return ''; // not Linux
  }
}
