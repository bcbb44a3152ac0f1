import type { Server, Socket } from 'node:net';
import type { Guard } from '../../core/guard.ts';
import type { Reading } from '../../metrics/table.ts';
import { identify } from './kinship.ts';
import { packageNameOf } from './main-script.ts';
import { type Address, meetingPlace } from './meeting-place.ts';
import { Sharing, type SharingOptions } from './sharing.ts';

/** What sharing needs of the instrumentation. */
export interface Measured {
  read(): readonly Reading[];
  /** A server of ours is not measured. */
  ignoreServer(server: object): void;
  /** Nor is a socket that is opened in this call. */
  openUnmeasured<Opened>(open: () => Opened): Opened;
}

/** The process that a thread belongs to. */
export interface Main {
  readonly script: string | undefined;
  /** It has a channel to the process that forked it. */
  readonly hasChannel: boolean;
}

export function mainOf({ argv, connected }: typeof process): Main {
  return { script: argv[1], hasChannel: connected === true };
}

/** Prepares to share a port with the other processes of this service. Returns why that is not possible, if it is not. */
export function share(
  address: Address,
  scrape: Pick<SharingOptions, 'maxOrigins' | 'perProcess'>,
  { script, hasChannel }: Main,
  measured: Measured,
  guard: Guard,
): { sharing: Sharing } | { why: string } {
  const place = meetingPlace(address);
  if ('why' in place) return place;

  const net = process.getBuiltinModule('node:net');
  const { env, pid, ppid } = process;
  const packageName = script === undefined ? undefined : packageNameOf(script);
  const sharing = new Sharing({
    ...place,
    identity: identify({ env, script, packageName, pid, parent: ppid, hasChannel }),
    read: () => measured.read(),
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
