import type * as Api from '@opentelemetry/api';
import type { Attributes, Span, Tracer } from '@opentelemetry/api';
import { type Connection, originOfConnection } from '../client/connection.ts';
import type { ConnectionTracer } from '../client/connection-tracer.ts';
import { isInProgramsContext, programStack } from '../client/program-stack.ts';
import type { ContextTrust } from '../client/with-caller.ts';
import type { Phase } from '../core/errors.ts';
import { originText } from '../core/origins.ts';

const { timeOrigin } = performance;

/** What a request and the connection that it waits for have in their spans. */
const EVENT = 'connmeter.connection_opened';

/**
 * A span per new connection, with children for its lookup, connect and TLS handshake. Names and attributes are those of .NET:
 * https://learn.microsoft.com/dotnet/fundamentals/networking/telemetry/tracing
 *
 * It is a root span, because the connection outlives the request that it was opened for. The two are linked.
 */
export class SetupSpans implements ConnectionTracer {
  readonly #api: typeof Api;
  readonly #tracer: () => Tracer;
  readonly #nameOf: (address: string) => string;
  /** The spans in which requests were made. */
  readonly #ofRequests = new WeakMap<object, Span>();
  /** The same, of the requests that connections are opened for. */
  readonly #waiting = new WeakMap<Connection, Span>();
  /** Spans of connections whose cause is not decided yet. */
  readonly #open = new WeakMap<Connection, Span>();

  /** `nameOf`: the name under which an address is shown. */
  constructor(api: typeof Api, tracer: () => Tracer, nameOf: (address: string) => string) {
    this.#api = api;
    this.#tracer = tracer;
    this.#nameOf = nameOf;
  }

  requestMade(request: object, trust: ContextTrust): void {
    const span = this.#api.trace.getActiveSpan();
    if (span === undefined || trust === 'never') return;
    if (trust === 'always' || isInProgramsContext(programStack())) this.#ofRequests.set(request, span);
  }

  attempted(connection: Connection, request: object): void {
    const span = this.#ofRequests.get(request);
    if (span !== undefined) this.#waiting.set(connection, span);
  }

  opened(connection: Connection): void {
    const span = this.#start(connection);
    this.#open.set(connection, span);
    this.#addPhases(connection, span);
    const request = this.#waiting.get(connection);
    if (request === undefined) return;

    request.addLink({ context: span.spanContext() });
    request.addEvent(EVENT, this.#attributesOf(connection), timeOf(connection.opened ?? connection.started));
  }

  counted(connection: Connection): void {
    const span = this.#open.get(connection);
    const { cause, opened, replacedReason, started } = connection;
    if (span === undefined || cause === 'pending') return;

    this.#open.delete(connection);
    span.setAttribute('connmeter.open.cause', cause);
    if (replacedReason !== undefined) span.setAttribute('connmeter.close.reason', replacedReason);
    span.end(timeOf(opened ?? started));
  }

  failed(connection: Connection, phase: Phase, errorType: string): void {
    const span = this.#start(connection);
    this.#addPhases(connection, span);
    span.setAttributes({ 'error.type': errorType, 'connmeter.phase': phase });
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    span.end(timeOf(connection.closed ?? connection.started));
  }

  #start(connection: Connection): Span {
    const request = this.#waiting.get(connection);
    const prefix = connection.http ? 'HTTP ' : '';
    const options = {
      root: true,
      kind: this.#api.SpanKind.INTERNAL,
      startTime: timeOf(connection.started),
      attributes: this.#attributesOf(connection),
      links: request === undefined ? [] : [{ context: request.spanContext() }],
    };
    return this.#tracer().startSpan(
      `${prefix}connection_setup ${this.#name(connection)}`,
      options,
      this.#api.ROOT_CONTEXT,
    );
  }

  #addPhases(connection: Connection, parent: Span): void {
    const { address, attempts, connected, host, port, resolved, secured, started, tls } = connection;
    const context = this.#api.trace.setSpan(this.#api.ROOT_CONTEXT, parent);
    const add = (name: string, from: number, to: number, attributes: Attributes) =>
      this.#tracer()
        .startSpan(name, { startTime: timeOf(from), attributes }, context)
        .end(timeOf(to));
    if (resolved !== undefined && host !== undefined) {
      const name = this.#nameOf(host);
      add(`DNS lookup ${name}`, started, resolved, { 'dns.question.name': name });
    }
    if (connected !== undefined && address !== undefined && attempts.length > 0) {
      const peer = { 'network.peer.address': address, ...(port !== undefined && { 'network.peer.port': port }) };
      add(`socket connect ${originText({ address, port })}`, resolved ?? started, connected, peer);
    }
    if (connected !== undefined && secured !== undefined) {
      const version = tls === undefined ? {} : { 'tls.protocol.version': tls.version, 'tls.resumed': tls.resumed };
      add(`TLS client handshake ${this.#nameOf(originOfConnection(connection).address)}`, connected, secured, version);
    }
  }

  #attributesOf(connection: Connection): Attributes {
    const { address, port } = originOfConnection(connection);
    const { address: peer, attempts } = connection;
    return {
      'server.address': this.#nameOf(address),
      ...(port !== undefined && { 'server.port': port }),
      ...(peer !== undefined && attempts.length > 0 && { 'network.peer.address': peer }),
    };
  }

  #name(connection: Connection): string {
    const { address, port } = originOfConnection(connection);
    return originText({ address: this.#nameOf(address), port });
  }
}

/** Milliseconds since 1970. `seconds`: of the monotonic clock. */
function timeOf(seconds: number): number {
  return timeOrigin + seconds * 1_000;
}
