/**
 * What is known about the tunnel that a connection was asked to become, with a CONNECT request.
 *
 * `none`: nobody asked, or requests go through the tunnel. `requested`: no answer is known. `open`: the proxy accepted.
 */
export type TunnelState = 'none' | 'requested' | 'open' | 'refused';

/** The state after a proxy's answer to CONNECT. Any other status than 2xx means that there is no tunnel. */
export function tunnelAfter(status: number): 'open' | 'refused' {
  return status >= 200 && status < 300 ? 'open' : 'refused';
}

/** The error of Node's own agents for a tunnel that failed. */
export interface TunnelFailure {
  readonly code: 'ERR_PROXY_TUNNEL';
  /** The proxy's answer, if there was one. */
  readonly statusCode?: unknown;
  /** After so many milliseconds, the agent gave up. */
  readonly proxyTunnelTimeout?: unknown;
}

export function isTunnelFailure(error: unknown): error is TunnelFailure {
  return ((error ?? {}) as { code?: unknown }).code === 'ERR_PROXY_TUNNEL';
}
