import { OTHER } from './errors.ts';

/** Error codes of HTTP/2, by number: https://www.rfc-editor.org/rfc/rfc9113#name-error-codes */
const CODES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** Why a server sent GOAWAY. `NO_ERROR`: it shuts the connection down in an orderly way. */
export type GoawayCode = (typeof CODES)[number] | typeof OTHER;

export function goawayCode(code: unknown): GoawayCode {
  return CODES[code as number] ?? OTHER;
}
