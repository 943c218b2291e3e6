// Ends the imports of bills that a process which is gone had begun; runs in every API process, soon after its start and then from time to time.
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { LOGGER } from '#libs/platform';
import { BillImport } from './bill-import.js';

const FIRST_LOOK_MS = 2_000;
const LOOK_MS = 15_000;

@Injectable()
export class BillResumer implements OnModuleInit, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(
    @Inject(BillImport) private readonly bills: BillImport,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.#lookIn(FIRST_LOOK_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #lookIn(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.bills
        .resume()
        .catch((error: unknown) => this.logger.warn({ err: error }, 'a bill import could not be resumed; it is tried again'))
        .finally(() => {
          if (!this.#isOver) this.#lookIn(LOOK_MS);
        });
    }, delayMs);
    this.#timer.unref();
  }
}
