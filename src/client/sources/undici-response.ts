import type { Arrived } from '../connection.ts';

/** What the channels show of a response. */
export interface UndiciResponse {
  readonly statusCode: number;
  readonly statusText: string;
  readonly headers: readonly Buffer[];
}

/** What a response says about its connection, and about a body that may hold it. */
export interface ResponseSignals {
  /** The server answered the request for an upgrade with an HTTP response. */
  readonly upgradeRefused: boolean;
  /** The status of an answer to CONNECT. */
  readonly connectStatus: number | undefined;
  readonly closes: boolean;
  /** `timeout` of the Keep-Alive header, in seconds, if it is short. */
  readonly keepAlive: number | undefined;
  /** How many bytes the whole response has, if that is known and more than undici's buffer. */
  readonly length: number | undefined;
}

/** A longer `timeout` is above the margin by which undici closes an idle connection earlier than promised. */
const SHORT_SECONDS = 3;

/**
 * Reads raw headers (names and values in turn). Undefined if they are as usual and the body is small. Makes no string in the usual
 * case.
 */
export function responseSignalsOf(
  response: UndiciResponse,
  upgradeRefused: boolean,
  connectStatus: number | undefined,
): ResponseSignals | undefined {
  const { headers } = response;
  let closes = false;
  let keepAlive: number | undefined;
  let length: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as Buffer;
    if (name.length === 14) length ??= lengthOf(response, name, headers[i + 1] as Buffer);
    if (name.length !== 10) continue; // the length of `connection` and of `keep-alive`

    const value = headers[i + 1] as Buffer;
    const initial = (name[0] as number) | 0x20;
    if (initial === C && value.length === 5) closes = value.toString('latin1').toLowerCase() === 'close';
    else if (initial === K && !isLongTimeout(value))
      keepAlive = Number(/\btimeout=(\d+)/i.exec(value.toString('latin1'))?.[1]);
  }
  if (keepAlive !== undefined && !(keepAlive <= SHORT_SECONDS)) keepAlive = undefined;
  const isUnusual = upgradeRefused || connectStatus !== undefined || closes || keepAlive !== undefined;
  return isUnusual || length !== undefined ? { upgradeRefused, connectStatus, closes, keepAlive, length } : undefined;
}

/** The length of a response with its headers, if `name` is `content-length` and the body is larger than undici's buffer. */
function lengthOf({ statusText, headers }: UndiciResponse, name: Buffer, value: Buffer): number | undefined {
  const isShort = value.length < 5 || (value.length === 5 && (value[0] as number) < ZERO + 6);
  if (isShort || name.toString('latin1').toLowerCase() !== 'content-length') return undefined;

  const body = Number(value.toString('latin1'));
  if (!(body >= BUFFER)) return undefined;

  let length = 'HTTP/1.1 200 \r\n\r\n'.length + statusText.length + body;
  for (const text of headers) length += text.length + 2; // `: ` after a name, and the end of the line after a value
  return length;
}

/** undici stops reading from the socket when it has kept this much of a body for the program. */
const BUFFER = 65_536;
/** The most that undici takes of a response that nobody reads: the last piece may be as large as the buffer, and the headers. */
const MAX_TAKEN = 2 * BUFFER + 16_384;

/**
 * undici and fetch do not show the response, so this is what the socket shows: undici has filled its buffer, and stopped. Then data
 * waits in the socket, or the whole response has arrived but undici did not publish its end. If it took more than its buffer, the
 * program has read something. Smaller bodies do not hold the connection.
 */
export function takenUnread(signals: ResponseSignals | undefined, { bytes, waiting }: Arrived): number | undefined {
  const taken = bytes - waiting;
  const hasStopped = waiting > 0 || bytes >= (signals?.length ?? Infinity);
  return hasStopped && taken >= BUFFER && taken <= MAX_TAKEN ? taken : undefined;
}

const C = 'c'.charCodeAt(0);
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Recognizes `timeout=5`, which Node's own servers send, by its characters. */
function isLongTimeout(value: Buffer): boolean {
  if (((value[0] as number) | 0x20) !== T || value[7] !== EQUALS) return false;

  const first = value[8] ?? 0;
  const second = value[9] ?? 0;
  return first > ZERO + SHORT_SECONDS || (second >= ZERO && second <= ZERO + 9);
}
