import type { ClientRequest, IncomingMessage } from 'node:http';
import { isOfProgram } from '../../core/error-origin.ts';
import type { KeepAliveSignals } from '../attribution/close-reason.ts';
import { agentOf } from './http-agent.ts';

/** Agents assume that the server closes an idle connection this much earlier than it promised. */
const MARGIN_SECONDS = 1;

const REUSABLE: KeepAliveSignals = {
  methodNotReusable: false,
  clientCloses: false,
  closeIsExplicit: true,
  serverCloses: false,
  keepAlive: undefined,
  keepAliveMargin: MARGIN_SECONDS,
  sent: true,
  complete: true,
  aborted: true,
  upgraded: false,
};
/** The same if the server promised to keep the connection for no longer than the margin. */
const REUSABLE_BRIEFLY: KeepAliveSignals = { ...REUSABLE, keepAlive: MARGIN_SECONDS };

/** What a request and its response say about keeping the connection. */
export function signalsOf(request: ClientRequest, response: IncomingMessage | undefined): KeepAliveSignals {
  const { closes, keepAlive } = response === undefined ? NO_SIGNALS : responseSignalsOf(response.rawHeaders);
  const serverCloses = closes || response?.httpVersion === '1.0';
  const clientCloses = closesAfter(request);
  // Without that, the agent would have kept the connection.
  const isGivenUp =
    response?.readableEnded === false && (request.destroyed || response.destroyed) && !clientCloses && !serverCloses;
  return {
    // If the response to HEAD has no length, Node's parser expects that the connection ends.
    methodNotReusable: request.method === 'HEAD' && !clientCloses && !serverCloses,
    clientCloses,
    closeIsExplicit: true,
    serverCloses,
    keepAlive,
    keepAliveMargin: MARGIN_SECONDS,
    sent: response === undefined || !isStillSending(request, response),
    complete: response?.complete === true && !isGivenUp,
    aborted: request.destroyed || isOfProgram(request.socket?.errored),
    upgraded: false, // if it had been, the agent would not own the connection
  };
}

/**
 * Whether the response was read to its end while the request was still being sent. On Node 22, `writableFinished` changes when the
 * socket is destroyed. But then the agent would have the connection back, if nothing else were on it.
 */
function isStillSending(request: ClientRequest, response: IncomingMessage): boolean {
  return request.writableFinished === false || (response.readableEnded === true && request.shouldKeepAlive === true);
}

/**
 * Whether the client closes the connection after the request. Without a `Connection` header of the program, Node decides it:
 * `shouldKeepAlive` is false if the agent does not say that it keeps connections, and later also if the server closes.
 */
function closesAfter(request: ClientRequest): boolean {
  const agent = agentOf(request);
  if (agent?.keepAlive === false) return true;

  const header = request.getHeader('connection');
  if (header !== undefined) return includesClose(header);
  // An agent that keeps connections did not decide it: the server closes, or its response to HEAD has no length.
  return request.shouldKeepAlive === false && agent?.keepAlive !== true;
}

/** The keep-alive signals in the headers of a response. */
interface ResponseSignals {
  readonly closes: boolean;
  /** `timeout` of the Keep-Alive header, in seconds. */
  readonly keepAlive: number | undefined;
}

const NO_SIGNALS: ResponseSignals = { closes: false, keepAlive: undefined };

/** Reads raw headers (names and values in turn): `response.headers` is created on first access, and most programs never do that. */
function responseSignalsOf(headers: readonly string[]): ResponseSignals {
  let closes = false;
  let keepAlive: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10) continue; // the length of `connection` and of `keep-alive`

    const value = headers[i + 1] as string;
    const lowerCased = name.toLowerCase();
    if (lowerCased === 'connection') closes ||= includesClose(value);
    else if (lowerCased === 'keep-alive') keepAlive ??= timeoutOf(value);
  }
  return { closes, keepAlive };
}

function includesClose(connectionHeader: unknown): boolean {
  if (connectionHeader === undefined || connectionHeader === 'keep-alive') return false;

  return connectionHeader === 'close' || /\bclose\b/i.test(String(connectionHeader));
}

function timeoutOf(keepAliveHeader: string): number | undefined {
  const seconds = /\btimeout=(\d+)/i.exec(keepAliveHeader)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** The signals of a request whose connection its agent took back. */
export function signalsOfReusable(response: IncomingMessage | undefined): KeepAliveSignals {
  return hasShortKeepAlive(response) ? REUSABLE_BRIEFLY : REUSABLE;
}

/** Whether the server promised to keep the connection for no longer than the margin. Allocates nothing in the usual cases. */
function hasShortKeepAlive(response: IncomingMessage | undefined): boolean {
  const headers = response?.rawHeaders ?? NO_HEADERS;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || (name.charCodeAt(0) | 0x20) !== K || isLongTimeout(headers[i + 1] as string)) continue;

    const { keepAlive } = responseSignalsOf(headers);
    return keepAlive !== undefined && keepAlive <= MARGIN_SECONDS;
  }
  return false;
}

const NO_HEADERS: readonly string[] = [];
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Recognizes `timeout=5`, which Node's own servers send, by its characters. */
function isLongTimeout(value: string): boolean {
  if ((value.charCodeAt(0) | 0x20) !== T || value.charCodeAt(7) !== EQUALS) return false;

  const first = value.charCodeAt(8) - ZERO;
  if (!(first > 0 && first <= 9)) return false;

  const second = value.charCodeAt(9) - ZERO;
  return first > MARGIN_SECONDS || (second >= 0 && second <= 9);
}
