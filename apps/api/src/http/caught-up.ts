// query · looks for an object by its id and believes that there is none only once the read models stand where the log stood when it was asked.
import { Inject, Injectable } from '@nestjs/common';
import type { EventStore } from '#libs/event-store';
import { EVENT_STORE, READ_MODELS } from '#libs/platform';
import type { ReadModels } from '#libs/projections';
import { reach } from './reads.js';

@Injectable()
export class CaughtUp {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(READ_MODELS) private readonly models: ReadModels,
  ) {}

  /** What a command is sent to may have been made a moment ago, by another process. */
  async find<View>(look: () => Promise<View | null>): Promise<View | null> {
    const known = await look();
    if (known !== null) return known;
    const head = await this.store.head();
    await reach(this.models, head);
    return look();
  }
}
