import type * as OpenTelemetry from '@opentelemetry/api';

export type Api = typeof OpenTelemetry;

/** All copies of version 1 of the API keep here what a program registers: providers, the logger of `diag`, the context manager. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

let api: Api | undefined;
let failed = false;

/** The main entry imports the API, so that bundlers find it. */
export function provideApi(imported: Api): void {
  api = imported;
}

/**
 * The API. Undefined as long as the program has registered nothing with it: then it has no provider and no logger, and to load its
 * fifty files would be a third of the time that `connmeter/register` needs to start.
 */
export function apiIfUsed(): Api | undefined {
  return api ?? (REGISTERED in globalThis ? loadedApi() : undefined);
}

/** Loads the API. Undefined if it is not installed. */
export function loadedApi(): Api | undefined {
  if (api === undefined && !failed) {
    const { createRequire } = process.getBuiltinModule('node:module');
    try {
      api = createRequire(import.meta.url)('@opentelemetry/api') as Api;
    } catch {
      failed = true;
    }
  }
  return api;
}

/**
 * Whether nothing is registered behind a meter. A program may have several copies of the API, each with a no-op meter of its own, and a
 * bundler may have renamed its class.
 */
export function isNoop(meter: OpenTelemetry.Meter): boolean {
  return meter.constructor.name === 'NoopMeter' || meter === api?.createNoopMeter();
}
