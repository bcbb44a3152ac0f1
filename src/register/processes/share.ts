import type { Server, Socket } from 'node:net';
import type { Guard } from '../../core/guard.ts';
import type { Details } from '../../explain/make-overview.ts';
import type { Reading } from '../../metrics/table.ts';
import { identify } from './kinship.ts';
import { packageNameOf } from './main-script.ts';
import { type Address, meetingPlace } from './meeting-place.ts';
import { Sharing, type SharingOptions } from './sharing.ts';

/** What sharing needs of this process. */
export interface Measured {
  /** The numbers of this process, as of now. */
  read(): readonly Reading[];
  /** What it knows besides. */
  details(): Details;
  /** Its threads bring theirs up to date. Never rejects. */
  refresh(): Promise<void>;
  /** A server of ours is not measured. */
  ignoreServer(server: object): void;
  /** Nor is a socket that is opened in this call. */
  openUnmeasured<Opened>(open: () => Opened): Opened;
}

/** Prepares to share a port with the other processes of this service. Returns why that is not possible, if it is not. */
export function share(
  address: Address,
  scrape: Pick<SharingOptions, 'maxOrigins' | 'perProcess'>,
  measured: Measured,
  guard: Guard,
): { sharing: Sharing } | { why: string } {
  const place = meetingPlace(address);
  if ('why' in place) return place;

  const net = process.getBuiltinModule('node:net');
  const { argv, connected, env, pid, ppid } = process;
  const script = argv[1];
  const packageName = script === undefined ? undefined : packageNameOf(script);
  const sharing = new Sharing({
    ...place,
    identity: identify({ env, script, packageName, pid, parent: ppid, hasChannel: connected === true }),
    read: () => measured.read(),
    refresh: () => measured.refresh(),
    details: () => measured.details(),
    ...scrape,
    createServer(): Server {
      const server = net.createServer();
      measured.ignoreServer(server);
      return server;
    },
    connect: (path): Socket => measured.openUnmeasured(() => net.connect(path)),
    guard,
  });
  return { sharing };
}
