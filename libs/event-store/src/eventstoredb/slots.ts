// 3 append · bounds how many calls to EventStoreDB are under way at once; whoever comes too many waits in line.

export class Slots {
  private taken = 0;
  private readonly line: Array<() => void> = [];

  constructor(private readonly max: number) {}

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    // A slot that is given back goes straight to the next in line.
    if (this.taken >= this.max) await new Promise<void>((resolve) => this.line.push(resolve));
    else this.taken += 1;
    try {
      return await work();
    } finally {
      const next = this.line.shift();
      if (next === undefined) this.taken -= 1;
      else next();
    }
  }
}
