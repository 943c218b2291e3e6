// 1 HTTP in · the end of a process: what is under way is finished, long answers are ended politely, nothing new begins.
import { Injectable } from '@nestjs/common';

@Injectable()
export class Drain {
  #draining = false;
  readonly #enders = new Set<() => void>();

  get isDraining(): boolean {
    return this.#draining;
  }

  /** For answers without an end of their own, those that begin while the process drains included; answers how to take it away again. */
  onDrain(end: () => void): () => void {
    if (this.#draining) {
      end();
      return () => undefined;
    }
    this.#enders.add(end);
    return () => this.#enders.delete(end);
  }

  begin(): void {
    this.#draining = true;
    for (const end of [...this.#enders]) end();
    this.#enders.clear();
  }
}
