import { expect, test } from 'vitest';
import { parsePorts } from '../../src/metrics/parse-ports.ts';

const SOCKSTAT = `sockets: used 204
TCP: inuse 175 orphan 0 tw 83120 alloc 176 mem 25
UDP: inuse 3 mem 0
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
`;
const SOCKSTAT6 = `TCP6: inuse 12
UDP6: inuse 1
UDPLITE6: inuse 0
RAW6: inuse 0
FRAG6: inuse 0 memory 0
`;
const RANGE = '32768\t60999\n';

test('the three files provide sockets in TIME_WAIT, sockets in use and the size of the port range', () => {
  expect(parsePorts(SOCKSTAT, SOCKSTAT6, RANGE)).toEqual({ timeWait: 83_120, inUse: 187, range: 28_232 });
});

test('the IPv6 file may be missing', () => {
  expect(parsePorts(SOCKSTAT, '', RANGE)).toEqual({ timeWait: 83_120, inUse: 175, range: 28_232 });
});

test('a range from a port to itself has one port', () => {
  expect(parsePorts(SOCKSTAT, SOCKSTAT6, '5000 5000')?.range).toBe(1);
});

test.each([
  ['nothing at all', '', '', ''],
  ['no line of TCP', SOCKSTAT.replace('TCP:', 'SCTP:'), SOCKSTAT6, RANGE],
  ['no tw', SOCKSTAT.replace('tw 83120', ''), SOCKSTAT6, RANGE],
  ['tw without its number', 'TCP: inuse 1 tw', SOCKSTAT6, RANGE],
  ['a word for a number', SOCKSTAT.replace('83120', 'many'), SOCKSTAT6, RANGE],
  ['a negative number', SOCKSTAT.replace('83120', '-1'), SOCKSTAT6, RANGE],
  ['a number beyond counting', SOCKSTAT.replace('83120', '9'.repeat(400)), SOCKSTAT6, RANGE],
  ['one end of a range', SOCKSTAT, SOCKSTAT6, '32768'],
  ['three ends of a range', SOCKSTAT, SOCKSTAT6, '1 2 3'],
  ['a range upside down', SOCKSTAT, SOCKSTAT6, '60999 32768'],
  ['a range beyond all ports', SOCKSTAT, SOCKSTAT6, '32768 70000'],
  ['words for a range', SOCKSTAT, SOCKSTAT6, 'from to'],
  ['bytes', '\0\x01TCP:\0', '\xff', '\0\0'],
])('%s is nothing to be told', (_what, sockstat, sockstat6, range) => {
  expect(parsePorts(sockstat, sockstat6, range)).toBeUndefined();
});
