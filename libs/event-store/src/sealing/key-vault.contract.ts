// What every vault of customers' keys promises, with the sealers made from it; run by the specs beside the vaults.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { CachedCustomerKeys } from './cached-customer-keys.js';
import type { KeyVault } from './key-vault.port.js';

export function describeKeyVault(name: string, createVault: () => Promise<KeyVault>): void {
  describe(name, () => {
    let vault: KeyVault;
    let keys: CachedCustomerKeys;
    beforeEach(async () => {
      vault = await createVault();
      keys = new CachedCustomerKeys(vault);
    });
    const otherProcess = (): CachedCustomerKeys => new CachedCustomerKeys(vault, { refreshAfterMs: 0, staleAfterMs: 0 });

    it('gives a customer one key, the same in every process and at the same time', async () => {
      const made = await Promise.all(Array.from({ length: 5 }, () => vault.findOrCreate([{ tenant: 'acme', accountId: 'a' }])));
      expect(new Set(made.map(([key]) => (key as Buffer).toString('hex'))).size).toBe(1);
      expect((await vault.find([{ tenant: 'acme', accountId: 'a' }]))[0]).toEqual(made[0]![0]);
      const [other] = await vault.findOrCreate([{ tenant: 'acme', accountId: 'b' }]);
      expect(other).not.toEqual(made[0]![0]);
    });

    it('answers in order, with what it does not have as undefined', async () => {
      await vault.findOrCreate([{ tenant: 'acme', accountId: 'b' }]);
      const [none, some, tenantOwn] = await vault.find([
        { tenant: 'acme', accountId: 'a' },
        { tenant: 'acme', accountId: 'b' },
        { tenant: 'acme', accountId: '' },
      ]);
      expect([none, tenantOwn]).toEqual([undefined, undefined]);
      expect(some).toHaveLength(32);
    });

    it('seals and opens texts across processes, and only for their customer', async () => {
      const values = { prompt: 'naïve 🎬', metadata: { b: '2', a: '1' }, absent: undefined, nothing: null };
      const { refs, sealed } = (await keys.sealerFor('acme', 'a.with.dots')).seal(values)!;
      expect(Object.keys(refs)).toEqual(['prompt', 'metadata']);
      const opener = (await otherProcess().openerFor('acme', 'a.with.dots'))!;
      expect(opener.open(sealed)).toEqual({ prompt: 'naïve 🎬', metadata: { b: '2', a: '1' } });
      expect(opener.digestAgain(sealed, 'metadata', { a: '1', b: '2' })).toBe(refs['metadata']!.$erasable);
      expect(opener.digestAgain(sealed, 'prompt', 'another')).not.toBe(refs['prompt']!.$erasable);
      expect(opener.digestAgain(sealed, 'absent', 'x')).toBeNull();
      const stranger = await keys.sealerFor('acme', 'other');
      expect(stranger.open(sealed)).toEqual({});
      expect(stranger.digestAgain(sealed, 'prompt', 'naïve 🎬')).toBeNull();
      expect((await keys.sealerFor('acme', 'a.with.dots')).seal({ prompt: null })).toBeNull();
    });

    it('forgets for good: no process opens the texts again, and no new key is made', async () => {
      const elsewhere = otherProcess();
      const { sealed } = (await keys.sealerFor('acme', 'a')).seal({ prompt: 'secret' })!;
      expect((await elsewhere.openerFor('acme', 'a'))!.open(sealed)).toEqual({ prompt: 'secret' });
      expect(await keys.erase('acme', 'a')).toBe(true);
      expect(await keys.erase('acme', 'a')).toBe(false);
      expect(await keys.openerFor('acme', 'a')).toBeNull();
      expect(await elsewhere.openerFor('acme', 'a')).toBeNull();
      // What is sealed for them afterwards has its digest, and can be opened by nobody.
      const late = (await elsewhere.sealerFor('acme', 'a')).seal({ prompt: 'late' })!;
      expect(late.refs['prompt']!.$erasable).toMatch(/^[\w-]{43}$/);
      expect((await elsewhere.sealerFor('acme', 'a')).open(late.sealed)).toEqual({});
      expect((await vault.findOrCreate([{ tenant: 'acme', accountId: 'a' }]))[0]).toBe('erased');
    });

    it('forgets a customer that never had a key', async () => {
      expect(await keys.erase('acme', 'never')).toBe(false);
      expect(await vault.findOrCreate([{ tenant: 'acme', accountId: 'never' }])).toEqual(['erased']);
    });

    it('notices a key that another process erased once its knowledge is old', async () => {
      const here = new CachedCustomerKeys(vault, { refreshAfterMs: 5, staleAfterMs: 60_000 });
      await here.sealerFor('acme', 'a');
      await keys.erase('acme', 'a');
      while ((await here.openerFor('acme', 'a')) !== null) await new Promise((resolve) => setImmediate(resolve));
    });

    it('answers many at once, with null for those it cannot open', async () => {
      await keys.sealerFor('acme', 'a');
      const openers = await keys.openersFor('acme', ['a', 'none']);
      expect([...openers].map(([account, opener]) => [account, opener !== null])).toEqual([
        ['a', true],
        ['none', false],
      ]);
    });
  });
}
