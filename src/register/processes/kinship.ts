/** Who a process is, as it introduces itself to others of the same user. */
export interface Identity {
  /** Identifies the service: its name (`service.name`), or its package and main script. */
  readonly service: string;
  /** The service has a name of its own, from `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES`. */
  readonly isNamed: boolean;
  readonly pid: number;
  readonly parent: number;
  /** Another Node process made it, with `cluster` or `child_process.fork()`. */
  readonly isForked: boolean;
}

/**
 * Whether two processes belong to the same service: they have the same name or main script, or one of them forked the other, or
 * the same process forked both.
 */
export function areKin(one: Identity, other: Identity): boolean {
  if (one.service === other.service) return true;
  if (one.isNamed || other.isNamed) return false;

  const isChild = (child: Identity, parent: Identity) => child.isForked && child.parent === parent.pid;
  const areSiblings = one.isForked && other.isForked && one.parent === other.parent;
  return isChild(one, other) || isChild(other, one) || areSiblings;
}

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path of the main script. Undefined for `node -e`, and for standard input. */
  readonly script: string | undefined;
  readonly packageName: string | undefined;
  readonly pid: number;
  readonly parent: number;
  /** It has a channel to its parent. */
  readonly hasChannel: boolean;
}

export function identify({ env, script, packageName, pid, parent, hasChannel }: Surroundings): Identity {
  const [, inAttributes] = /(?:^|,)\s*service\.name=([^,]*)/.exec(env['OTEL_RESOURCE_ATTRIBUTES'] ?? '') ?? [];
  const name = (env['OTEL_SERVICE_NAME'] ?? inAttributes)?.trim();
  // pm2 starts each program with a script of its own. All that it starts have the same parent, though they are different services.
  const { pm_exec_path: startedByPm2 } = env;
  return {
    // Programs without a script have nothing in common.
    service: name || `${packageName ?? ''} ${startedByPm2 ?? script ?? `pid ${pid}`}`,
    isNamed: !!name,
    pid,
    parent,
    isForked: hasChannel && startedByPm2 === undefined,
  };
}
