import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesOf } from '../../scripts/structure.ts';

const SRC = join(import.meta.dirname, '../../src');
const CONNECTION = 'client/connection.ts';
const TRACKED_CONNECTION = 'metrics/tracked-connection.ts';

interface Group {
  readonly writers: readonly string[];
  readonly fields: readonly string[];
}

/** Who writes which fields of a client connection. `connection.ts` initialises all of them, and releases references. */
const GROUPS: Readonly<Record<string, Group>> = {
  'socket and times': {
    writers: ['client/connections.ts'],
    fields: [
      ...['socket', 'listenedSocket', 'hasBegun', 'resolved', 'connected', 'secured', 'opened', 'closed'],
      ...['tls', 'error', 'serverEnded', 'receivedGoaway', 'version'],
      ...['host', 'address', 'port', 'attempts', 'session', 'openedBy', 'requestSite'],
    ],
  },
  'the client': { writers: ['client/connections.ts', 'client/tunnels.ts'], fields: ['http', 'origin'] },
  timeouts: { writers: ['client/connections.ts', 'client/timeouts.ts'], fields: ['timedOut', 'trafficAtTimeout'] },
  'attempts of the same turn': { writers: ['client/current-turn.ts'], fields: ['attemptedBefore'] },
  neighbours: { writers: ['client/attribution/members.ts'], fields: ['list', 'older', 'newer'] },
  'local port': { writers: ['client/pending-tunnels.ts'], fields: ['localPort'] },
  requests: {
    writers: ['client/requests.ts'],
    fields: [
      ...['request', 'earlierRequests', 'client', 'openedFor', 'takenOver', 'sentHeaders', 'response', 'signals'],
      ...['bytesReadBeforeRequest', 'returnedToPool', 'poolWasFull', 'abort', 'maxAge', 'tunnel', 'tunnelStatus'],
      'mostStreams',
    ],
  },
  'requests in progress': { writers: [TRACKED_CONNECTION], fields: ['requestsInProgress', 'firstStream'] },
  'pool and cause': {
    writers: ['client/attribution/pool.ts', 'client/attribution/pools.ts'],
    fields: [
      ...[
        'order',
        'waitsWith',
        'pool',
        'poolNumber',
        'owner',
        'place',
        'isOrphan',
        'opensPool',
        'hadUnread',
        'hadIdle',
        'isIdle',
      ],
      ...['replaces', 'loss', 'cause', 'replacedReason'],
    ],
  },
  'the line that opened it': {
    writers: ['client/connections.ts', 'client/attribution/pools.ts'],
    fields: ['openedAt'],
  },
  'close reason': { writers: ['client/accounting.ts', 'client/attribution/pool.ts'], fields: ['reason'] },
  'unread bodies': {
    writers: ['client/unread-bodies.ts'],
    fields: ['unread'],
  },
  'what was counted': {
    writers: ['client/accounting.ts'],
    fields: ['counts', 'requestCounts', 'tunnelError', 'record', 'requestFailure', 'caller'],
  },
  'queue times': { writers: ['client/queue-times.ts'], fields: ['queueTime', 'waitedSince', 'idleTurn'] },
  'idle times': { writers: ['client/idle-times.ts'], fields: ['idleSince', 'sentAt', 'wasIdle'] },
  'request count': { writers: ['client/accounting.ts', TRACKED_CONNECTION], fields: ['requests'] },
};

const texts = new Map(
  [...filesOf(join(SRC, 'client')).map(file => `client/${file}`), TRACKED_CONNECTION].map(file => [
    file,
    withoutComments(readFileSync(join(SRC, file), 'utf8')),
  ]),
);

test.each(Object.entries(GROUPS))(
  '%s: the table names every file that writes these fields',
  (_name, { writers, fields }) => {
    const found = [...texts].filter(([, text]) => written(text).some(field => fields.includes(field)));

    const files = found.map(([file]) => file).filter(file => file !== CONNECTION);
    expect(files.toSorted()).toEqual(writers.toSorted());
  },
);

test('every field that can be written is in one group', () => {
  const declared = [CONNECTION, TRACKED_CONNECTION].flatMap(file => mutableFields(texts.get(file) ?? ''));

  expect(
    Object.values(GROUPS)
      .flatMap(({ fields }) => fields)
      .toSorted(),
  ).toEqual(declared.toSorted());
});

test('connection.ts writes nothing but undefined after it initialised a connection', () => {
  const [, afterClass = ''] = (texts.get(CONNECTION) ?? '').split(/^}$(?=\n+export function releaseReferences)/m);
  const values = Array.from(afterClass.matchAll(/^ {2}connection\.\w+ = (.*);$/gm), ([, value]) => value);

  expect(values).toHaveLength(written(afterClass).length);
  expect(new Set(values)).toEqual(new Set(['undefined']));
});

test.each([
  ['connection.port = 80;', ['port']],
  ['connection.error ??= error;', ['error']],
  ['if (connection.requests++ > 0) return;', ['requests']],
  ['--connection.requestsInProgress;', ['requestsInProgress']],
  [
    'other.earlierRequests.length = 0; one.counts = two.requestCounts = undefined;',
    ['length', 'counts', 'requestCounts'],
  ],
  ['const { port, requests = 0 } = connection;', []],
  ['connection.port === 80 || connection.port <= 80 || connection.port >= 80 || connection.port !== 80', []],
  ['this.port = port; items.map(each => each.port)', []],
])('%s writes %j', (text, fields) => {
  expect(written(text)).toEqual(fields);
});

/** The fields that are assigned to in any way, except fields of `this`. */
function written(text: string): string[] {
  const assigned = text.matchAll(/(\w+)[!)\]]*\.(\w+)\s*(?:(?:\?\?|\|\||&&|\*\*|[-+*/%&|^])?=(?![=>])|\+\+|--)/g);
  const prefixed = text.matchAll(/(?:\+\+|--)(?:\w+[!)\]]*\.)*?(\w+)[!)\]]*\.(\w+)(?![.\w])/g);
  return [...assigned, ...prefixed].filter(([, owner]) => owner !== 'this').map(([, , field = '']) => field);
}

function mutableFields(text: string): string[] {
  const body = /^export class \w*Connection\b[^\n]*\{\n(.*?)^ {2}constructor/ms.exec(text)?.[1] ?? '';
  return Array.from(body.matchAll(/^ {2}(\w+)(?:: | = )/gm), ([, field = '']) => field).filter(
    field => field !== 'checkIndex', // the rotating check's own
  );
}

function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '');
}
