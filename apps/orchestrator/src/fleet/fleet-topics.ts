// 5 react · makes the jobs topic of each model family that a fleet is to serve, so that workers can begin before the first job; started beside the intake.
import type { Catalogue } from '#libs/catalogue';
import { jobsTopic, pause, type Messaging, type TopicSettings } from '#libs/messaging';
import { FLEET_DEADLINE_MS_MAX, FLEET_PROVIDER_ID } from '#libs/providers';

/** The catalogue is in memory, so to look costs nothing. */
const LOOK_EVERY_MS = 1_000;

export class FleetTopics {
  readonly #stopping = new AbortController();
  readonly #made = new Set<string>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly messaging: Messaging,
    private readonly settings: TopicSettings,
    private readonly catalogue: Pick<Catalogue, 'models'>,
  ) {}

  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const families = this.#missing();
      try {
        await this.messaging.ensureTopics(families.map((family) => jobsTopic(this.settings, family, FLEET_DEADLINE_MS_MAX)));
        for (const family of families) this.#made.add(family);
      } catch {
        // Kafka is away, which the messaging itself reports; a submission makes what it needs as well.
      }
      await pause(LOOK_EVERY_MS, signal);
    }
  }

  #missing(): string[] {
    const served = this.catalogue.models().filter(({ provider, retiredAt }) => provider === FLEET_PROVIDER_ID && retiredAt === null);
    return [...new Set(served.map(({ family }) => family))].filter((family) => !this.#made.has(family));
  }
}
