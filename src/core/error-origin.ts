/** The calls of the operating system on a connected socket. */
const SOCKET_CALLS: ReadonlySet<unknown> = new Set(['read', 'write', 'shutdown']);

/** Errors of `read` and `write` that only files have. A program may pass them on to a socket, for example when its disk is full. */
const FILE_ERRORS: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO']);

/** The codes of OpenSSL's errors, and those of Node's TLS, HTTP/2 and HTTP parser, and of undici. */
const PROTOCOL_ERROR = /^(ERR_SSL_|ERR_TLS_|ERR_HTTP2_|HPE_|UND_ERR_)/;

/** undici 7 and 8 give it no code. */
const PARSER_ERROR = 'HTTPParserError';

/** "This socket has been ended by the other party": Node creates it without a call of the system. */
const WRITE_AFTER_END = 'EPIPE';

interface AnyError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly library?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/**
 * Whether an error that destroyed a connected socket came from the network or a protocol. All other errors are the program's:
 * what it passed to `destroy()`, maybe through a library.
 *
 * Limitations: a program that passes the error of one socket on to another looks like the network.
 */
export function isNetworkError(error: unknown): boolean {
  const { code, library, name } = fieldsOf(error);
  if (isSystemError(error) || code === WRITE_AFTER_END || name === PARSER_ERROR) return true;

  return (typeof code === 'string' && PROTOCOL_ERROR.test(code)) || typeof library === 'string';
}

/** Whether the program destroyed a socket with this error. */
export function isOfProgram(error: unknown): boolean {
  return error !== undefined && error !== null && !isNetworkError(error);
}

/** Whether the other side reset the connection, or had closed it when something was written. */
export function isReset(error: unknown): boolean {
  const { code } = fieldsOf(error);
  return (code === 'ECONNRESET' && isSystemError(error)) || code === WRITE_AFTER_END;
}

/** Whether the socket was being written to when the error came. */
export function isWriteError(error: unknown): boolean {
  return fieldsOf(error).syscall === 'write';
}

const TIMEOUT = /\btim(?:e|ed)[ _-]?out\b|TIMEDOUT|TIMEOUT/i;

/** Whether an error of the program says that a timeout expired: that of AbortSignal.timeout(), of got, or one of its own. */
export function isTimeoutError(error: unknown): boolean {
  const { name, code, message, cause } = fieldsOf(error);
  if (name === 'TimeoutError' || fieldsOf(cause).name === 'TimeoutError') return true;

  return [code, message].some(text => typeof text === 'string' && TIMEOUT.test(text));
}

/** Libraries set `code` on their own errors, and Node on a response that broke off, but neither names a call of the system. */
function isSystemError(error: unknown): boolean {
  const { code, syscall } = fieldsOf(error);
  return SOCKET_CALLS.has(syscall) && !FILE_ERRORS.has(code);
}

function fieldsOf(error: unknown): AnyError {
  return typeof error === 'object' && error !== null ? error : {};
}
