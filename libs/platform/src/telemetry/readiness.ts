// How each part of this process is; parts register themselves at start, /readyz asks.

export interface PartHealth {
  status: 'ok' | 'degraded' | 'down';
  /** One sentence for an operator; never a query or a secret. */
  detail?: string;
  /** Figures worth seeing (`lag`, `position`). */
  [figure: string]: string | number | boolean | undefined;
}

export interface ReadinessReport {
  /** `down` if any part is; `degraded` still serves. */
  status: PartHealth['status'];
  parts: Record<string, PartHealth>;
}

type Check = () => PartHealth | Promise<PartHealth>;

/** A part that does not answer within this time is down. */
const CHECK_TIMEOUT_MS = 2_000;

export class Readiness {
  readonly #checks = new Map<string, Check>();

  /** Answers how to take the part away again. */
  register(part: string, check: Check): () => void {
    this.#checks.set(part, check);
    return () => {
      if (this.#checks.get(part) === check) this.#checks.delete(part);
    };
  }

  /**
   * Of these parts only, where they are named: whoever decides whether this process gets requests asks for those that it cannot serve without,
   * so that one read model that stopped does not take every process of the deployment away.
   */
  async report(only?: readonly string[]): Promise<ReadinessReport> {
    const asked = only === undefined ? [...this.#checks] : only.map((part) => [part, this.#checks.get(part) ?? noSuchPart] as const);
    const entries = await Promise.all(asked.map(async ([part, check]) => [part, await judge(check)] as const));
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const worst = (['down', 'degraded'] as const).find((status) => entries.some(([, health]) => health.status === status));
    return { status: worst ?? 'ok', parts: Object.fromEntries(entries) };
  }
}

function noSuchPart(): PartHealth {
  return { status: 'down', detail: 'this process has no such part' };
}

/** What `?parts=a,b` names; undefined without it: every part. */
export function partsAsked(query: string | null | undefined): readonly string[] | undefined {
  if (query === null || query === undefined || query === '') return undefined;
  return [...new Set(query.split(','))];
}

async function judge(check: Check): Promise<PartHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<PartHealth>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, { status: 'down', detail: `no answer within ${CHECK_TIMEOUT_MS} ms` });
  });
  try {
    return await Promise.race([Promise.resolve().then(check), late]);
  } catch {
    // What was thrown may quote a query; the part's own log has it.
    return { status: 'down', detail: 'the check failed' };
  } finally {
    clearTimeout(timer);
  }
}
