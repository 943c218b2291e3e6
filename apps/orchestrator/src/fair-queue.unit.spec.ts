import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairQueue } from './fair-queue.js';

interface Item {
  account: string;
  index: number;
}

const drain = (queue: FairQueue<Item>, count = Infinity): Item[] => {
  const served: Item[] = [];
  for (let item = served.length < count ? queue.next() : null; item !== null; item = served.length < count ? queue.next() : null)
    served.push(item);
  return served;
};
const accountsArbitrary = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 20 }), items: fc.integer({ min: 1, max: 60 }) }), {
  minLength: 1,
  maxLength: 6,
});
/** `a0` with its items, then `a1`, and so on. */
const queueOf = (accounts: ReadonlyArray<{ weight: number; items: number }>): FairQueue<Item> => {
  const queue = new FairQueue<Item>();
  accounts.forEach(({ weight, items }, n) => {
    for (let index = 0; index < items; index += 1) queue.enter(`a${n}`, weight, { account: `a${n}`, index });
  });
  return queue;
};

describe('the fair queue', () => {
  it('serves everybody in the end, each account in its order, and nobody waits while anybody is asked for', () => {
    fc.assert(
      fc.property(accountsArbitrary, (accounts) => {
        const queue = queueOf(accounts);
        const total = accounts.reduce((sum, { items }) => sum + items, 0);
        expect(queue.waiting).toBe(total);
        const served = drain(queue);
        expect(served).toHaveLength(total);
        expect(queue.waiting).toBe(0);
        accounts.forEach(({ items }, n) => {
          const indexes = served.filter(({ account }) => account === `a${n}`).map(({ index }) => index);
          expect(indexes).toEqual(Array.from({ length: items }, (_, index) => index));
        });
      }),
    );
  });

  it('gives each account that waits its weight of what is served, to within one item of each', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 300 }),
        (weights, count) => {
          const served = drain(queueOf(weights.map((weight) => ({ weight, items: 400 }))), count);
          const whole = weights.reduce((sum, weight) => sum + weight, 0);
          weights.forEach((weight, n) => {
            const got = served.filter(({ account }) => account === `a${n}`).length;
            // Of k accounts, each may be ahead by one item, in whole turns of the heaviest.
            expect(Math.abs(got - (count * weight) / whole)).toBeLessThanOrEqual(weights.length);
          });
        },
      ),
    );
  });

  it('lets a single task pass any backlog: at most one item of each other account goes before it', () => {
    fc.assert(
      fc.property(accountsArbitrary, fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 20 }), (accounts, before, weight) => {
        const queue = queueOf(accounts);
        drain(queue, before);
        queue.enter('small', weight, { account: 'small', index: 0 });
        const served = drain(queue).map(({ account }) => account);
        const ahead = served.slice(0, served.indexOf('small'));
        expect(new Set(ahead).size).toBe(ahead.length);
      }),
    );
  });

  it('gives no advantage to an account that goes and comes again with each task', () => {
    const queue = new FairQueue<Item>();
    for (let index = 0; index < 200; index += 1) queue.enter('steady', 1, { account: 'steady', index });
    const served: string[] = [];
    for (let turn = 0; turn < 100; turn += 1) {
      queue.enter('sly', 1, { account: 'sly', index: turn });
      served.push(queue.next()!.account);
    }
    expect(served.filter((account) => account === 'sly').length).toBeLessThanOrEqual(51);
  });

  it('forgets an account that is dropped, and nobody else', () => {
    fc.assert(
      fc.property(accountsArbitrary, fc.integer({ min: 0, max: 50 }), (accounts, before) => {
        const queue = queueOf([{ weight: 3, items: 20 }, ...accounts]);
        const served = drain(queue, before);
        queue.drop('a0');
        const rest = drain(queue);
        expect(rest.some(({ account }) => account === 'a0')).toBe(false);
        const others = accounts.reduce((sum, { items }) => sum + items, 0);
        expect([...served, ...rest].filter(({ account }) => account !== 'a0')).toHaveLength(others);
        expect(queue.waiting).toBe(0);
      }),
    );
  });
});
