// How long commands say how far they are: a bar on a terminal, a line now and then elsewhere; on standard error always.
import { SingleBar, Presets } from 'cli-progress';

const LINE_EVERY_MS = 5_000;

export class Progress {
  readonly #bar: SingleBar | null;
  #saidAt = 0;
  #total = 0;

  constructor(private readonly what: string) {
    this.#bar = process.stderr.isTTY
      ? new SingleBar(
          { stream: process.stderr, format: `${what} [{bar}] {percentage} % · {value} of {total}`, hideCursor: true },
          Presets.rect,
        )
      : null;
  }

  at(value: number, total: number): void {
    const done = Math.min(value, total);
    if (this.#bar !== null) {
      if (this.#total === 0) this.#bar.start(total, done);
      else this.#bar.setTotal(total);
      this.#bar.update(done);
    } else if (performance.now() - this.#saidAt >= LINE_EVERY_MS) {
      this.#saidAt = performance.now();
      process.stderr.write(`${this.what}: ${done} of ${total}\n`);
    }
    this.#total = total;
  }

  end(): void {
    if (this.#total > 0) this.#bar?.stop();
    this.#total = 0;
  }
}
