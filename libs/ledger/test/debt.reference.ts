// What the naive account owes: settled one credit at a time, the oldest first.
import type { ReferenceGrant } from './grant.reference.js';

export interface ReferenceDebt {
  of: ReferenceGrant | null;
  credits: number;
  settled: number;
  money: bigint;
}

export class ReferenceDebts {
  /** Settled ones too, oldest first. */
  list: ReferenceDebt[] = [];

  add(of: ReferenceGrant | null, credits: number, money: bigint): void {
    this.list.push({ of, credits, settled: 0, money });
  }

  /** One credit at a time: of the debts that come first, then of the oldest. Answers how many there were to settle. */
  settle(credits: number, isFirst: (debt: ReferenceDebt) => boolean): number {
    for (let settled = 0; settled < credits; settled += 1) {
      const open = this.open();
      const debt = open.find(isFirst) ?? open[0];
      if (debt === undefined) return settled;
      debt.settled += 1;
    }
    return credits;
  }

  open(): ReferenceDebt[] {
    return this.list.filter((debt) => debt.settled < debt.credits);
  }

  owing(): number {
    return this.list.reduce((sum, debt) => sum + debt.credits - debt.settled, 0);
  }

  copy(twin: (grant: ReferenceGrant) => ReferenceGrant): ReferenceDebts {
    const copy = new ReferenceDebts();
    copy.list = this.list.map((debt) => ({ ...debt, of: debt.of === null ? null : twin(debt.of) }));
    return copy;
  }
}
